/// A change in the life of `relayctl publish --verifiable`; with `-o json` each is one line. Names are stable; fields may be
/// added.
///
/// | event | when |
/// |---|---|
/// | `connected` | the server has accepted the publish |
/// | `keyframe` | the first keyframe of the connection was handed to the system; `number` is its number |
/// | `reconnectRequested` | the server asked to connect elsewhere; `url` is where to |
/// | `left` | the publisher ended the connection itself: on request, or at its end |
/// | `lost` | the connection broke; `reason` says how |
/// | `failed` | a connection could not be made; `reason` says why |
/// | `finished` | the publisher ends; `frames` counts all connections |
package struct PatternEvent: Codable, Sendable, Equatable {
    package enum Kind: String, Codable, Sendable {
        case connected, keyframe, reconnectRequested, left, lost, failed, finished
    }

    package var event: Kind
    /// ms since 1970.
    package var wallMs: Int64
    package var url: String
    /// The session in the frames of the connection.
    package var session: UInt32
    /// `keyframe`: its number.
    package var number: UInt64?
    /// `left`, `lost`: frames handed to the system on the connection; `finished`: on all.
    package var frames: UInt64?
    /// `lost`, `failed`, `left`.
    package var reason: String?

    /// The event as a line to read; escaped.
    package var text: String {
        let url = Escape.forTerminal(url)
        let reason = reason.map { ": " + Escape.forTerminal($0) } ?? ""
        let count = frames.map { ", \($0) frames" } ?? ""
        switch event {
        case .connected: return "connected to \(url), session \(session)"
        case .keyframe: return "first keyframe of session \(session) sent, number \(number ?? 0)"
        case .reconnectRequested: return "asked to go to \(url)"
        case .left: return "left \(url)\(count)\(reason)"
        case .lost: return "lost \(url)\(count)\(reason)"
        case .failed: return "cannot publish to \(url)\(reason)"
        case .finished: return "finished\(count)"
        }
    }
}
