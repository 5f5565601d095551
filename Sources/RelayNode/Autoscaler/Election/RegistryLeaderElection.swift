import Logging
import RelayCluster
import RelayCore
import Synchronization

/// Leadership by a key in the registry, for autoscalers outside of Kubernetes. After a failover of the registry two may believe to
/// lead for as long as the key lives, so orders carry the epoch, and drivers check what they change.
final class RegistryLeaderElection: LeaderElection {
    /// How long a claim lasts, how long before its end it is no longer acted on, and how often it is renewed: the times of
    /// Kubernetes' own leaders (15/10/2 s), with fewer renewals.
    static let ttl = Duration.seconds(15)
    static let actFor = Duration.seconds(10)
    static let renewEvery = Duration.seconds(3)

    private struct State {
        var epoch: UInt64 = 0
        var holder: String?
        /// Until when this process may act.
        var until: MonotonicTime?
    }

    private let state = Mutex(State())
    private let store: any ScalingStore
    private let group: String
    private let identity: String
    private let logger: Logger

    /// - Parameter identity: The node's name; what makes it unique to this life of the process is added, so that two processes of
    ///   one name never both lead.
    init(store: any ScalingStore, group: String, identity: String, logger: Logger) {
        self.store = store
        self.group = group
        self.identity = identity + "_" + String(UInt64.random(in: .min ... .max), radix: 16)
        self.logger = logger
    }

    var standing: LeaderStanding {
        state.withLock { state in
            LeaderStanding(
                isLeader: state.until.map { MonotonicTime.now() < $0 } ?? false, epoch: state.epoch,
                holder: state.holder)
        }
    }

    func run() async {
        while !Task.isCancelled {
            // The claim counts from before it was sent: the registry's clock started later than ours.
            let sent = MonotonicTime.now()
            do throws(RegistryError) {
                let answer = try await store.lead(group, as: identity, ttl: Self.ttl)
                note(answer, sent: sent)
            } catch {
                logger.debug("the registry does not say who leads", metadata: ["reason": "\(error)"])
            }
            guard (try? await Task.sleep(for: Self.renewEvery * .random(in: 0.9...1.1))) != nil else { break }
        }
        let wasLeader = state.withLock { state in
            defer { state.until = nil }
            return state.until != nil
        }
        guard wasLeader else { return }
        // The next one need not wait for the claim to run out. A task of its own, since this one is cancelled.
        await Task { [store, group, identity] in try? await store.resign(group, as: identity) }.value
    }

    private func note(_ answer: Leadership, sent: MonotonicTime) {
        let (before, now) = state.withLock { state in
            let before = state.holder
            state.holder = answer.holder
            state.epoch = answer.epoch
            state.until = answer.holder == identity ? sent + Self.actFor : nil
            return (before, state.holder)
        }
        if before != now {
            logger.info(
                "leader of the autoscalers", metadata: ["holder": "\(answer.holder)", "epoch": "\(answer.epoch)"])
        }
    }
}
