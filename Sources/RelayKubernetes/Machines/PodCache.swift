package import RelayCore

/// The pods that a selector matches, kept up to date by a list and a watch from there on.
///
/// The interpreter asks for the next ``step(now:)``, does it, and tells how it went before it asks again. While it watches,
/// ``expect(_:now:)`` may ask from elsewhere that the watch be broken off.
///
/// ```
/// listing ──last page──▶ watching ──ended, failed──▶ watching (from the last version)
///    ▲                      │ 410, unreadable, time for a full list, pods missing
///    └──────────────────────┘
/// ```
/// A watch that is silent says nothing about pods that nothing happens to. What tells a quiet one from a dead one: bookmarks
/// (once a minute, not guaranteed), the count of pods that the workload itself reports, a timeout of each watch, and a full
/// list now and then.
package struct PodCache: Sendable {
    package struct Settings: Hashable, Sendable {
        /// Distance of full lists, whatever the watch says.
        package var listEvery = Duration.seconds(600)
        /// The longest watch; the server ends it itself a little earlier.
        package var watchTimeout = Duration.seconds(KubernetesRequest.watchSeconds + 30)
        /// The longest that a watch may be silent: a bookmark and a half.
        package var idleTimeout = Duration.seconds(90)
        /// How long the pods are believed after the last contact.
        package var staleAfter = Duration.seconds(60)
        /// How long the workload may report another count of pods before the watch is taken for dead.
        package var mismatchAfter = Duration.seconds(15)
        /// The least age of a list that is made again for such a mismatch: some mismatch may never go away.
        package var mismatchListEvery = Duration.seconds(60)
        /// The most pods of one workload that are kept: four times the largest fleet that is planned for.
        package var maximumPods = 20_000

        package init() {}
    }

    package enum Step: Hashable, Sendable {
        /// Ask for a page.
        case list(continue: String?)
        /// Watch from this version, until this instant at the latest.
        case watch(from: String, until: MonotonicTime)
        case wait(until: MonotonicTime)
    }

    /// Pages of one list; with full pages that is more than `maximumPods`.
    static let maximumPages = 200
    /// A watch that lived for less was no success.
    static let shortWatch = Duration.seconds(5)

    private enum Position {
        case listing(next: String?, pages: Int, pods: [String: PodObject])
        case watching(from: String)
    }

    private let settings: Settings
    private var backoff: CallBackoff
    private var position = Position.listing(next: nil, pages: 0, pods: [:])
    private var pods: [String: PodObject] = [:]
    private var listedAt: MonotonicTime?
    /// When the pods were known to be right.
    private var contactAt = MonotonicTime(nanoseconds: .min)
    private var openedAt: MonotonicTime?
    private var mismatchSince: MonotonicTime?
    private var mustList = false

    /// Full lists so far, and watches that were broken off because pods were missing; for metrics.
    package private(set) var lists = 0
    package private(set) var mismatches = 0

    package init(settings: Settings = Settings(), seed: UInt64) {
        self.settings = settings
        backoff = CallBackoff(seed: seed)
    }

    /// The pods by name; nil when they were never listed or there was no contact for too long.
    package func pods(now: MonotonicTime) -> [String: PodObject]? {
        guard listedAt != nil, openedAt != nil || now - contactAt <= settings.staleAfter else { return nil }
        return pods
    }

    /// What to do next.
    package mutating func step(now: MonotonicTime) -> Step {
        if let wait = backoff.waitsUntil(now: now) { return .wait(until: wait) }
        if case .watching = position, mustList || listDue <= now { startList() }
        switch position {
        case .listing(let next, _, _): return .list(continue: next)
        case .watching(let version): return .watch(from: version, until: min(now + settings.watchTimeout, listDue))
        }
    }

    /// A page of the list asked for.
    package mutating func listed(_ page: PodPage, now: MonotonicTime) {
        guard case .listing(_, let pages, var found) = position else { return }
        for pod in page.items { if let name = pod.metadata.name { found[name] = pod } }
        guard found.count <= settings.maximumPods, pages < Self.maximumPages else {
            startList()
            return backoff.failed(.unreadable("more pods than are kept"), now: now)
        }
        if let next = page.metadata.continue, !next.isEmpty {
            position = .listing(next: next, pages: pages + 1, pods: found)
            return
        }
        guard let version = page.metadata.resourceVersion, !version.isEmpty else {
            startList()
            return backoff.failed(.unreadable("a list without a version"), now: now)
        }
        lists += 1
        pods = found
        position = .watching(from: version)
        mustList = false
        mismatchSince = nil
        listedAt = now
        contactAt = now
    }

    /// The list or watch under way failed.
    package mutating func failed(_ problem: KubernetesProblem, now: MonotonicTime) {
        openedAt = nil
        switch problem {
        case .gone, .unreadable, .missing: startList()
        default: break
        }
        // A forgotten version is nobody's failure the first time.
        if case .gone = problem, !hasFailed {
            hasFailed = true
            return
        }
        hasFailed = true
        backoff.failed(problem, now: now)
    }

    /// The watch under way was accepted.
    package mutating func watchOpened(now: MonotonicTime) {
        openedAt = now
        contactAt = now
    }

    /// A line of the watch. False when the watch is to be broken off.
    package mutating func received(_ event: PodEvent, to request: KubernetesRequest, now: MonotonicTime) -> Bool {
        guard case .watching = position else { return false }
        contactAt = now
        switch event {
        case .added(let pod), .modified(let pod):
            guard let name = pod.metadata.name, pods[name] != nil || pods.count < settings.maximumPods else { break }
            pods[name] = pod
            advance(to: pod.metadata.resourceVersion)
        case .deleted(let pod):
            if let name = pod.metadata.name { pods[name] = nil }
            advance(to: pod.metadata.resourceVersion)
        case .bookmark(let version): advance(to: version)
        case .error(let status):
            failed(KubernetesProblem(status, to: request), now: now)
            return false
        case .other: break
        }
        succeeded()
        return !mustList && listDue > now
    }

    /// The watch under way ended as watches do.
    package mutating func watchEnded(now: MonotonicTime) {
        // An error event was its end already.
        guard let openedAt else { return }
        let wasShort = now - openedAt < Self.shortWatch
        contactAt = now
        self.openedAt = nil
        if wasShort && !mustList {
            backoff.failed(.unreachable("a watch that ended at once"), now: now)
        } else {
            succeeded()
        }
    }

    /// The workload's controller counts this many of `counted` pods known here. True when they differ for so long that
    /// the watch must be dead: break it off; a full list follows.
    package mutating func expect(_ reported: Int, known counted: Int, now: MonotonicTime) -> Bool {
        guard case .watching = position, !mustList, reported != counted else {
            mismatchSince = nil
            return false
        }
        let since = mismatchSince ?? now
        mismatchSince = since
        guard now - since >= settings.mismatchAfter, let listedAt, now - listedAt >= settings.mismatchListEvery else {
            return false
        }
        mismatchSince = nil
        mismatches += 1
        mustList = true
        return true
    }

    // MARK: parts

    private var hasFailed = false

    private var listDue: MonotonicTime { listedAt.map { $0 + settings.listEvery } ?? MonotonicTime(nanoseconds: .min) }

    private mutating func succeeded() {
        hasFailed = false
        backoff.succeeded()
    }

    private mutating func startList() {
        position = .listing(next: nil, pages: 0, pods: [:])
        openedAt = nil
    }

    private mutating func advance(to version: String?) {
        if let version, !version.isEmpty { position = .watching(from: version) }
    }
}
