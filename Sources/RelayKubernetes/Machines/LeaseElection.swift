package import RelayCore

/// Leadership by a Lease object, the way client-go's `leaderelection` does it, so that both can share one lease.
///
/// Whether another's lease has run out is judged by when this process *saw it change* last, on its own monotonic clock; the
/// times inside are for people. Whoever leads stops acting when its last confirmed renewal is `renewDeadline` old, which is
/// before others may take over (`duration`). That is no fencing: the guards of the patches are.
///
/// The interpreter asks for the next ``step(now:wall:)``, does it, and answers each call with ``answered(_:now:)`` or
/// ``failed(_:now:)`` before it asks again.
///
/// ```
/// following ──taken──▶ leading ──renewal is too old──▶ following
///     ▲                  │ another holds it
///     └──────────────────┘            resigned: from anywhere, for good
/// ```
package struct LeaseElection: Sendable {
    /// The defaults of Kubernetes' own controllers.
    package struct Settings: Hashable, Sendable {
        /// How long a lease that does not change is respected.
        package var duration = Duration.seconds(15)
        /// How long the leader acts after its last confirmed renewal.
        package var renewDeadline = Duration.seconds(10)
        /// Distance of the leader's renewals, and the least distance of others' looks.
        package var retry = Duration.seconds(2)

        package init() {}
    }

    package enum Step: Hashable, Sendable {
        case read
        case create(LeaseObject)
        case update(LeaseObject)
        case wait(until: MonotonicTime)
    }

    /// The longest lease of somebody else that is respected: a wrong number in it must not stop us for good.
    static let longestForeignLease: Int32 = 60
    /// Others look every `retry` times 1 up to 1 + this many tenths. client-go's are twelve; a dead leader is noticed sooner so.
    private static let spread = 2

    private enum Position: Equatable {
        case following
        case leading(epoch: UInt64, until: MonotonicTime)
        case resigned
    }

    private enum Call { case read, create, update }

    private let settings: Settings
    private let name: KubernetesName
    private let namespace: KubernetesName
    private let identity: String
    private var jitter: SplitMix
    private var position = Position.following
    /// The lease as it was seen last, and when its content was seen to change.
    private var seen: LeaseObject?
    private var changedAt = MonotonicTime.zero
    /// Whether `seen` (or its absence) was read just now, so that it can be acted on.
    private var isFresh = false
    private var call: (kind: Call, sentAt: MonotonicTime)?
    private var nextAt: MonotonicTime
    private var conflicts = 0
    private var lastTransitions: Int32 = 0

    /// - Parameter identity: unique to this life of this process.
    package init(
        name: KubernetesName, namespace: KubernetesName, identity: String, settings: Settings = Settings(),
        seed: UInt64,
        now: MonotonicTime
    ) {
        self.name = name
        self.namespace = namespace
        self.identity = identity
        self.settings = settings
        jitter = SplitMix(seed: seed)
        nextAt = now
    }

    /// The epoch in which this process may act at this instant; nil when it may not.
    package func epoch(now: MonotonicTime) -> UInt64? {
        guard case .leading(let epoch, let until) = position, now < until else { return nil }
        return epoch
    }

    /// Who holds the lease as far as is known.
    package var holder: String? {
        guard let holder = seen?.spec?.holderIdentity, !holder.isEmpty else { return nil }
        return holder
    }

    /// The epoch of the lease as it was seen last, whoever holds it.
    package var seenEpoch: UInt64 { UInt64(clamping: lastTransitions) }

    /// What to do next.
    ///
    /// - Parameter wall: UTC, for the times that people read.
    package mutating func step(now: MonotonicTime, wall: KubernetesTime) -> Step {
        noticeExpiry(now: now)
        guard position != .resigned else { return .wait(until: MonotonicTime(nanoseconds: .max)) }
        guard nextAt <= now else { return .wait(until: nextAt) }
        switch (isFresh, isLeading) {
        case (false, false): return send(.read, .read, now)
        case (false, true):
            // The leader writes without looking: the version in the lease tells whether somebody else wrote.
            guard let seen else { return send(.read, .read, now) }
            return send(.update, .update(renewed(seen, wall: wall)), now)
        case (true, _):
            isFresh = false
            guard let seen else { return send(.create, .create(made(wall: wall)), now) }
            if isLeading, seen.spec?.holderIdentity == identity {
                return send(.update, .update(renewed(seen, wall: wall)), now)
            }
            // Held by this identity without leading: by an earlier life, or through an answer that was lost.
            if holder == nil || holder == identity || expiry(seen) <= now {
                return send(.update, .update(taken(seen, wall: wall)), now)
            }
            position = .following
            // The look that may find it run out is not a moment late.
            let look = now + settings.retry + jitter.upTo(settings.retry * Self.spread / 10)
            nextAt = min(look, max(expiry(seen), now + .milliseconds(1)))
            return .wait(until: nextAt)
        }
    }

    /// The lease as the server has it now, in answer to the call under way.
    package mutating func answered(_ lease: LeaseObject, now: MonotonicTime) {
        noticeExpiry(now: now)
        guard let call else { return }
        self.call = nil
        observe(lease, now: now)
        guard position != .resigned else { return }
        switch call.kind {
        case .read:
            isFresh = true
            nextAt = now
        case .create, .update:
            conflicts = 0
            isFresh = false
            nextAt = now + settings.retry
            guard lease.spec?.holderIdentity == identity else {
                // A server that says yes and writes something else: nothing is ours.
                position = .following
                return
            }
            let until = call.sentAt + settings.renewDeadline
            // An answer that took that long proves nothing.
            if now < until { position = .leading(epoch: UInt64(clamping: lastTransitions), until: until) }
        }
    }

    /// The call under way did not succeed. Whether it was done all the same is not known.
    package mutating func failed(_ problem: KubernetesProblem, now: MonotonicTime) {
        noticeExpiry(now: now)
        guard let call else { return }
        self.call = nil
        isFresh = false
        switch problem {
        case .missing where call.kind != .create:
            seen = nil
            isFresh = true
            nextAt = now
        case .conflict:
            // Somebody wrote between our look and our write: look at once, but not in a circle.
            conflicts += 1
            nextAt = conflicts == 1 ? now : now + settings.retry + jitter.upTo(settings.retry)
            // The leader, too, writes nothing more before it knows who wrote.
            if isLeading { seen = nil }
        case .busy(_, let asked?):
            nextAt = now + max(settings.retry, min(asked, isLeading ? settings.renewDeadline / 2 : settings.duration))
        default:
            nextAt = now + settings.retry + (isLeading ? .zero : jitter.upTo(settings.retry * Self.spread / 10))
        }
    }

    /// This process goes down: it does not lead any more from here on. Gives what to write so that another can take over at
    /// once, unless another has the lease already.
    package mutating func resign(wall: KubernetesTime) -> LeaseObject? {
        defer { position = .resigned }
        guard position != .resigned, var lease = seen, lease.spec?.holderIdentity == identity else { return nil }
        lease.spec?.holderIdentity = ""
        lease.spec?.leaseDurationSeconds = 1
        lease.spec?.renewTime = wall
        return lease
    }

    // MARK: parts

    private var isLeading: Bool {
        if case .leading = position { return true }
        return false
    }

    private mutating func noticeExpiry(now: MonotonicTime) {
        if case .leading(_, let until) = position, until <= now { position = .following }
    }

    private mutating func send(_ kind: Call, _ step: Step, _ now: MonotonicTime) -> Step {
        call = (kind, now)
        return step
    }

    private mutating func observe(_ lease: LeaseObject, now: MonotonicTime) {
        if seen?.spec != lease.spec || seen == nil { changedAt = now }
        seen = lease
        lastTransitions = max(0, lease.spec?.leaseTransitions ?? 0)
    }

    private func expiry(_ lease: LeaseObject) -> MonotonicTime {
        let theirs = Duration.seconds(min(max(lease.spec?.leaseDurationSeconds ?? 0, 0), Self.longestForeignLease))
        return changedAt + max(settings.duration, theirs)
    }

    private func renewed(_ lease: LeaseObject, wall: KubernetesTime) -> LeaseObject {
        var lease = lease
        lease.spec?.renewTime = wall
        return lease
    }

    private func taken(_ lease: LeaseObject, wall: KubernetesTime) -> LeaseObject {
        LeaseObject(metadata: lease.metadata, spec: fresh(wall: wall))
    }

    private func made(wall: KubernetesTime) -> LeaseObject {
        LeaseObject(metadata: ObjectMeta(name: name.text, namespace: namespace.text), spec: fresh(wall: wall))
    }

    /// A new epoch, higher than any that this process knows of.
    private func fresh(wall: KubernetesTime) -> LeaseObject.Spec {
        var spec = LeaseObject.Spec()
        spec.holderIdentity = identity
        spec.leaseDurationSeconds = Int32(clamping: settings.duration.components.seconds)
        spec.acquireTime = wall
        spec.renewTime = wall
        spec.leaseTransitions = lastTransitions == .max ? .max : lastTransitions + 1
        return spec
    }
}
