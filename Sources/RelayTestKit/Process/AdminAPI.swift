import Foundation
package import RelayAPI

/// The admin API as tests use it. Blocking calls run on a thread.
package struct AdminAPI: Sendable {
    let port: Int

    /// One request.
    ///
    /// - Throws: `POSIXError`, ``NotInTime``.
    package func request(_ method: String, _ path: String, body: String? = nil) throws -> HTTPReply {
        let wire = try WireClient(port: port)
        let fields = body.map { "Content-Type: application/json\r\nContent-Length: \($0.utf8.count)\r\n" } ?? ""
        wire.send(
            Array(
                "\(method) \(path) HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\(fields)\r\n\(body ?? "")".utf8))
        guard let head = wire.readHead() else { throw NotInTime("an answer of the admin API", within: .seconds(5)) }
        let length = head.headers["content-length"].flatMap { Int($0) } ?? 0
        guard let body = wire.read(length) else { throw NotInTime("the body of \(path)", within: .seconds(5)) }
        return HTTPReply(status: head.status, headers: head.headers, body: body)
    }

    /// A JSON answer; nil for 404.
    package func get<T: Decodable>(_ path: String, as: T.Type) throws -> T? {
        let reply = try request("GET", path)
        guard reply.status == 200 else { return nil }
        return try JSONDecoder().decode(T.self, from: Data(reply.body))
    }

    package func status() throws -> NodeStatus? { try get("/v1/status", as: NodeStatus.self) }
    package func stream(_ name: String) throws -> StreamDetail? {
        try get("/v1/streams/\(name)", as: StreamDetail.self)
    }
    package func clusterNodes() throws -> ClusterNodeList? { try get("/v1/cluster/nodes", as: ClusterNodeList.self) }
    package func clusterStreams() throws -> [ClusterStream] {
        try get("/v1/cluster/streams", as: ClusterStreamList.self)?.streams ?? []
    }
    package func why(_ stream: String) throws -> StreamWhy? {
        try get("/v1/cluster/why/\(stream)", as: StreamWhy.self)
    }
    package func events() throws -> [ClusterEventEntry] {
        try get("/v1/cluster/events", as: ClusterEventList.self)?.events ?? []
    }
    package func post(_ path: String) throws -> Int { try request("POST", path).status }
    /// Any request; its status.
    package func send(_ method: String, _ path: String, body: String? = nil) throws -> Int {
        try request(method, path, body: body).status
    }
    package func viewers(of name: String) throws -> [ViewerStatus] {
        try get("/v1/viewers?stream=\(name)&limit=10000", as: ViewerList.self)?.viewers ?? []
    }

    /// `/metrics`, sample by sample; labels as they stand in the text.
    package func metrics() throws -> [String: Double] {
        let text = String(decoding: try request("GET", "/metrics").body, as: UTF8.self)
        var values: [String: Double] = [:]
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            guard let space = line.lastIndex(of: " "), let value = Double(line[line.index(after: space)...]) else {
                continue
            }
            values[String(line[..<space])] = value
        }
        return values
    }
}

extension HTTPReply {
    init(status: Int, headers: [String: String], body: [UInt8]) {
        self.status = status
        self.headers = headers
        self.body = body
    }
}

extension RelayProcess {
    /// The admin API of the process.
    package var admin: AdminAPI { AdminAPI(port: adminPort) }
}
