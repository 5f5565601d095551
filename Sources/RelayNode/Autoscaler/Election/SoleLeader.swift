/// The only autoscaler there is: always leads.
struct SoleLeader: LeaderElection {
    let identity: String

    func run() async {}
    var standing: LeaderStanding { LeaderStanding(isLeader: true, epoch: 1, holder: identity) }
}
