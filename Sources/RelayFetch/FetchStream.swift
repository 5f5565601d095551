/// The answer to a call whose body is read while it arrives. One task reads it; letting go of it ends the call.
package final class FetchStream: Sendable {
    /// The status, 200 and on.
    package let status: Int
    /// Header fields in order, as sent.
    package let headers: [(name: String, value: String)]
    private let lifetime: Lifetime

    init(status: Int, headers: [(name: String, value: String)], lifetime: Lifetime) {
        self.status = status
        self.headers = headers
        self.lifetime = lifetime
    }

    /// The next piece of the body, never empty; nil once it is over. Cancelling the task ends the call.
    ///
    /// - Throws: ``FetchError`` when the body breaks off, the peer is silent for too long, or the deadline passes; again with
    ///   each call after that.
    package func next() async throws(FetchError) -> [UInt8]? {
        let lifetime = lifetime
        let piece = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                if lifetime.buffer.next(continuation) { lifetime.engine.goOn(lifetime.id) }
            }
        } onCancel: {
            lifetime.cancel()
        }
        return try piece.get()
    }

    /// The rest of the body, for answers that turn out to be short.
    ///
    /// - Throws: as ``next()`` does, and ``FetchError/Kind/tooLarge``.
    package func rest(maximumBytes: Int) async throws(FetchError) -> [UInt8] {
        var whole: [UInt8] = []
        while let piece = try await next() {
            guard piece.count <= maximumBytes - whole.count else {
                cancel()
                throw FetchError(kind: .tooLarge, message: "The answer is longer than \(maximumBytes) bytes.")
            }
            whole += piece
        }
        return whole
    }

    /// The first field of this name, whatever its case.
    package func header(_ name: String) -> String? { headers.value(name) }

    /// Ends the call; whoever reads is told ``FetchError/Kind/cancelled``. From any task; without effect when it is over.
    package func cancel() { lifetime.cancel() }

    /// What the stream and the calls on it hold; the last to go ends the call.
    final class Lifetime: Sendable {
        let engine: FetchEngine
        let id: UInt64
        let buffer: FetchBuffer

        init(engine: FetchEngine, id: UInt64, buffer: FetchBuffer) {
            self.engine = engine
            self.id = id
            self.buffer = buffer
        }

        deinit { cancel() }

        func cancel() {
            // Under the buffer's lock: a call that is over must not be remembered as cancelled.
            buffer.unlessOver { engine.cancel(id) }
        }
    }
}

/// The lines of a stream, without their ends.
package struct FetchLines {
    private let stream: FetchStream
    private let maximumBytes: Int
    private var splitter = LineSplitter()

    /// - Parameter maximumBytes: the longest line that is accepted.
    package init(_ stream: FetchStream, maximumBytes: Int) {
        self.stream = stream
        self.maximumBytes = maximumBytes
    }

    /// The next line that is not empty; nil at the end of the stream. A last line without its end counts.
    ///
    /// - Throws: as ``FetchStream/next()`` does, and ``FetchError/Kind/tooLarge`` for a line over the cap, which ends the call.
    package mutating func next() async throws(FetchError) -> [UInt8]? {
        while true {
            if let line = splitter.nextLine() {
                guard line.count <= maximumBytes else { throw tooLong() }
                if !line.isEmpty { return line }
                continue
            }
            guard splitter.pendingBytes <= maximumBytes else { throw tooLong() }
            guard let piece = try await stream.next() else {
                let last = splitter.takeRest()
                return last.isEmpty ? nil : last
            }
            splitter.append(piece)
        }
    }

    private func tooLong() -> FetchError {
        stream.cancel()
        return FetchError(kind: .tooLarge, message: "A line of the answer is longer than \(maximumBytes) bytes.")
    }
}

/// Cuts pieces of bytes into lines, each byte looked at once.
struct LineSplitter {
    private var bytes: [UInt8] = []
    private var start = 0
    private var searched = 0

    /// Bytes of the line that has no end yet.
    var pendingBytes: Int { bytes.count - start }

    mutating func append(_ piece: [UInt8]) {
        bytes.removeFirst(start)
        searched -= start
        start = 0
        bytes += piece
    }

    /// nil when no whole line is there.
    mutating func nextLine() -> [UInt8]? {
        guard let end = bytes[searched...].firstIndex(of: UInt8(ascii: "\n")) else {
            searched = bytes.count
            return nil
        }
        var line = bytes[start..<end]
        if line.last == UInt8(ascii: "\r") { line = line.dropLast() }
        start = end + 1
        searched = start
        return Array(line)
    }

    mutating func takeRest() -> [UInt8] {
        defer { self = LineSplitter() }
        return Array(bytes[start...])
    }
}
