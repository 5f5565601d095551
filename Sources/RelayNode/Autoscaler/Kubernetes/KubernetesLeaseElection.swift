package import Logging
import RelayClient
import RelayCore
import RelayKubernetes
import Synchronization

/// Leadership by a Lease in the cluster: runs ``LeaseElection``.
package final class KubernetesLeaseElection: LeaderElection {
    /// One call: two of them fit the time between the last renewal and its deadline.
    static let callTimeout = Duration.seconds(4)

    private let machine: Mutex<LeaseElection>
    private let client: KubernetesClient
    private let name: KubernetesName
    private let identity: String
    private let logger: Logger

    /// - Parameters:
    ///   - lease: the name of the Lease, checked by the client's settings.
    ///   - identity: the pod's name; what makes it unique to this life of the process is added.
    package init(client: KubernetesClient, lease: String, identity: String, logger: Logger) {
        self.client = client
        self.logger = logger
        self.name = KubernetesName(lease) ?? client.namespace
        self.identity = identity + "_" + String(UInt64.random(in: .min ... .max), radix: 16)
        machine = Mutex(
            LeaseElection(
                name: name, namespace: client.namespace, identity: self.identity, seed: .random(in: .min ... .max),
                now: .now()))
    }

    package var standing: LeaderStanding {
        machine.withLock { machine in
            let epoch = machine.epoch(now: .now())
            return LeaderStanding(isLeader: epoch != nil, epoch: epoch ?? machine.seenEpoch, holder: machine.holder)
        }
    }

    package func run() async {
        var last = standing
        var lastProblem: KubernetesProblem?
        while !Task.isCancelled {
            let step = machine.withLock { $0.step(now: .now(), wall: .now()) }
            if case .wait(let until) = step {
                tellChange(&last)
                guard (try? await Task.sleep(for: max(.zero, min(until - .now(), .seconds(60))))) != nil else { break }
                continue
            }
            guard let request = request(step) else { continue }
            do throws(KubernetesProblem) {
                let lease = try await client.value(LeaseObject.self, of: request, timeout: Self.callTimeout)
                machine.withLock { $0.answered(lease, now: .now()) }
                lastProblem = nil
            } catch {
                machine.withLock { $0.failed(error, now: .now()) }
                // Losing a race is how an election works, and the first look finds no lease.
                switch error {
                case .conflict, .missing: break
                default:
                    if lastProblem.map({ KubernetesOutcome($0) }) != KubernetesOutcome(error), !Task.isCancelled {
                        logger.warning("the leader's lease cannot be kept", metadata: ["reason": "\(error)"])
                    }
                    lastProblem = error
                }
            }
            tellChange(&last)
        }
        await resign()
        tellChange(&last)
    }

    private func request(_ step: LeaseElection.Step) -> KubernetesRequest? {
        switch step {
        case .read: .lease(name, in: client.namespace)
        case .create(let lease): .createLease(lease, in: client.namespace)
        case .update(let lease): .updateLease(lease, name, in: client.namespace)
        case .wait: nil
        }
    }

    private func resign() async {
        guard let lease = machine.withLock({ $0.resign(wall: .now()) }) else { return }
        let request = KubernetesRequest.updateLease(lease, name, in: client.namespace)
        // A task of its own, since this one is cancelled. Without success the lease runs out by itself.
        await Task { [client] in _ = try? await client.send(request, timeout: Self.callTimeout) }.value
    }

    private func tellChange(_ last: inout LeaderStanding) {
        let now = standing
        if now.isLeader != last.isLeader || now.holder != last.holder {
            logger.info(
                now.isLeader
                    ? "leading the autoscalers"
                    : last.isLeader ? "no longer leading the autoscalers" : "leader of the autoscalers",
                metadata: ["holder": "\(now.holder ?? "nobody")", "epoch": "\(now.epoch)"])
        }
        last = now
    }
}
