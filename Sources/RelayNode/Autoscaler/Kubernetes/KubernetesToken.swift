import Foundation
import RelayCore
import Synchronization

/// The bearer token, read again from its file while it is in use: the kubelet replaces it long before it runs out.
/// Never logged, and part of no error.
final class KubernetesToken: Sendable {
    /// As often as client-go does.
    static let readEvery = Duration.seconds(60)
    /// A token is some kB; whatever is larger is another file.
    static let maximumBytes = 64 << 10

    private struct State {
        var value: String?
        var readAt: MonotonicTime?
    }

    private let state = Mutex(State())
    private let path: String

    init(path: String) { self.path = path }

    /// The token; nil when the file cannot be read and never could. The last one is kept while the file is away: it is
    /// replaced by a rename, but a mount may lag.
    func value(now: MonotonicTime) -> String? {
        state.withLock { state in
            if let readAt = state.readAt, now - readAt < Self.readEvery { return state.value }
            state.readAt = now
            if let data = FileManager.default.contents(atPath: path), data.count <= Self.maximumBytes {
                let text = String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
                if !text.isEmpty, text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) { state.value = text }
            }
            return state.value
        }
    }

    /// The server does not take it: the file is read again with the next use.
    func isRefused() { state.withLock { $0.readAt = nil } }
}
