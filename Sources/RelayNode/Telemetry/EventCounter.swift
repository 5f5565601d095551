import Logging
import NIOCore
import RelayCore
import Synchronization

/// Counts refusals and failures by code and protocol, and logs them at a bounded rate: what can happen per packet is told
/// once per address in ten seconds, with a count of what was left out. Safe from any thread.
final class EventCounter: Sendable {
    /// Which port an event belongs to; a metric label.
    enum Transport: String, Sendable, CaseIterable {
        case rtmp
        case http
        case link
    }

    struct Key: Hashable, Sendable {
        var transport: Transport
        var code: Int
    }

    private struct State {
        var counts: [Key: UInt64] = [:]
        var quietUntil: [String: MonotonicTime] = [:]
        var nextForgetting = MonotonicTime.zero
        var unlogged: UInt64 = 0
    }

    /// Log lines per address: one in this long.
    static let logEvery = Duration.seconds(10)
    /// Addresses remembered at most; past it everything is counted and nothing logged until the oldest expire.
    static let maximumAddresses = 4_096

    /// How often a full memory is looked through: it costs a pass over all addresses, and an attack asks for it each time.
    static let forgetEvery = Duration.seconds(1)

    private let state = Mutex(State())

    /// Everything counted since start.
    var counts: [Key: UInt64] { state.withLock { $0.counts } }

    /// A connection was refused or closed for a reason of the peer's.
    func reject(
        _ code: RelayCode, transport: Transport, remote: SocketAddress?, detail: String? = nil, logger: Logger,
        now: MonotonicTime
    ) {
        let address = remote?.ipAddress ?? "?"
        let unlogged: UInt64? = state.withLock { state in
            state.counts[Key(transport: transport, code: code.number), default: 0] &+= 1
            if let until = state.quietUntil[address], now < until {
                state.unlogged &+= 1
                return nil
            }
            if state.quietUntil.count >= Self.maximumAddresses {
                if now >= state.nextForgetting {
                    state.nextForgetting = now + Self.forgetEvery
                    state.quietUntil = state.quietUntil.filter { $0.value > now }
                }
                guard state.quietUntil.count < Self.maximumAddresses else {
                    state.unlogged &+= 1
                    return nil
                }
            }
            state.quietUntil[address] = now + Self.logEvery
            defer { state.unlogged = 0 }
            return state.unlogged
        }
        guard let unlogged else { return }
        var metadata: Logger.Metadata = [
            "code": "\(code)", "transport": "\(transport.rawValue)", "remote": "\(address)",
        ]
        if let detail { metadata["detail"] = "\(LogText.escaped(detail))" }
        if unlogged > 0 { metadata["unlogged"] = "\(unlogged)" }
        logger.info("\(code.message)", metadata: metadata)
    }
}

/// Text from peers, made safe for a log line.
enum LogText {
    /// The longest piece of a peer's text that enters a log line.
    static let maximumLength = 200

    static func escaped(_ text: String) -> String {
        var out = ""
        for scalar in text.unicodeScalars.prefix(maximumLength) {
            out +=
                scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
                ? scalar.escaped(asASCII: true) : String(scalar)
        }
        return out
    }
}
