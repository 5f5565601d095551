/// Why a play or publish did not start, or ended.
package enum ClientError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The URL is not one that can be played or published to.
    case badURL(String)
    /// Nothing accepted the connection.
    case cannotConnect(String)
    /// The server refused, in its own words: escape them before showing. The code is `NetStream.…` over RTMP and the
    /// status over HTTP; the description is then the body of the answer.
    case refused(code: String, description: String)
    /// The server wants the client to go to another URL; also its own words.
    case redirected(String)
    /// What the server sent is not the protocol.
    case broken(String)
    /// The server did not go on in time.
    case timedOut(String)
    /// The connection ended without a word.
    case closed

    package var description: String {
        switch self {
        case .badURL(let reason): "the URL cannot be used: \(reason)"
        case .cannotConnect(let reason): "cannot connect: \(reason)"
        case .refused(let code, let description): "refused: \(code) \(description)"
        case .redirected(let url): "redirected to \(url)"
        case .broken(let reason): "the server broke the protocol: \(reason)"
        case .timedOut(let reason): "timed out: \(reason)"
        case .closed: "the connection was closed"
        }
    }
}
