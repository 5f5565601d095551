/// Who of several autoscalers acts.
package protocol LeaderElection: Sendable {
    /// Takes part until the surrounding task is cancelled, then resigns.
    func run() async
    /// Whether this process may act now, by the monotonic clock, and the epoch it acts in.
    var standing: LeaderStanding { get }
}

package struct LeaderStanding: Hashable, Sendable {
    package var isLeader: Bool
    package var epoch: UInt64
    /// Who leads as far as is known.
    package var holder: String?

    package init(isLeader: Bool, epoch: UInt64, holder: String?) {
        self.isLeader = isLeader
        self.epoch = epoch
        self.holder = holder
    }
}
