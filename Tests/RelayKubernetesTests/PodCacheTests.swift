import RelayCore
import RelayKubernetes
import Testing

@Suite("Pods by list and watch")
struct PodCacheTests {
    private static let request =
        KubernetesRequest.watchPods(in: RequestTests.namespace, selector: "a=b", from: "1") ?? .scale(RequestTests.edge)

    private func pod(_ name: String, _ version: String = "1") -> PodObject {
        PodObject(metadata: ObjectMeta(name: name, uid: "u-\(name)", resourceVersion: version))
    }

    private func page(_ names: [String], version: String? = "10", next: String? = nil) -> PodPage {
        PodPage(metadata: ListMeta(resourceVersion: version, continue: next), items: names.map { pod($0) })
    }

    private func seconds(_ count: Int) -> MonotonicTime { .zero + .seconds(count) }

    private func names(_ cache: PodCache, at now: MonotonicTime) -> [String]? { cache.pods(now: now)?.keys.sorted() }

    /// A cache that listed `names` at the beginning and watches.
    private func watching(_ names: [String], settings: PodCache.Settings = .init()) -> PodCache {
        var cache = PodCache(settings: settings, seed: 1)
        _ = cache.step(now: .zero)
        cache.listed(page(names), now: .zero)
        _ = cache.step(now: .zero)
        cache.watchOpened(now: .zero)
        return cache
    }

    @Test("Nothing is known before the last page of the first list")
    func pages() {
        var cache = PodCache(seed: 1)
        #expect(cache.step(now: .zero) == .list(continue: nil))
        cache.listed(page(["a", "b"], next: "t1"), now: .zero)
        #expect(names(cache, at: .zero) == nil)
        #expect(cache.step(now: .zero) == .list(continue: "t1"))
        cache.listed(page(["c"], version: "11"), now: .zero)
        #expect(names(cache, at: .zero) == ["a", "b", "c"])
        #expect(cache.step(now: .zero) == .watch(from: "11", until: seconds(330)))
    }

    @Test("Events change the pods, and move the version that the next watch begins at")
    func events() {
        var cache = watching(["a", "b"])
        #expect(cache.received(.added(pod("c", "11")), to: Self.request, now: .zero) == true)
        #expect(cache.received(.deleted(pod("a", "12")), to: Self.request, now: .zero) == true)
        var changed = pod("b", "13")
        changed.metadata.uid = "u-other"
        #expect(cache.received(.modified(changed), to: Self.request, now: .zero) == true)
        #expect(cache.received(.other, to: Self.request, now: .zero) == true)
        #expect(names(cache, at: .zero) == ["b", "c"])
        #expect(cache.pods(now: .zero)?["b"]?.metadata.uid == "u-other")
        #expect(cache.received(.bookmark("20"), to: Self.request, now: seconds(10)) == true)
        cache.watchEnded(now: seconds(300))
        #expect(
            cache.step(now: seconds(300)) == .watch(from: "20", until: seconds(600)), "not beyond the next full list")
    }

    @Test(
        "A forgotten version leads to a new list at once, and the pods stay known meanwhile", arguments: [true, false])
    func gone(asEvent: Bool) {
        var cache = watching(["a"])
        if asEvent {
            let status = StatusObject(code: 410, reason: "Expired")
            #expect(cache.received(.error(status), to: Self.request, now: seconds(20)) == false)
            cache.watchEnded(now: seconds(20))
        } else {
            cache.watchEnded(now: seconds(20))
            cache.failed(.gone, now: seconds(20))
        }
        #expect(cache.step(now: seconds(20)) == .list(continue: nil))
        #expect(names(cache, at: seconds(20)) == ["a"])
        cache.listed(page(["z"], next: "t"), now: seconds(21))
        #expect(names(cache, at: seconds(21)) == ["a"])
        cache.failed(.gone, now: seconds(22))
        guard case .wait = cache.step(now: seconds(22)) else {
            Issue.record("lists in a circle")
            return
        }
    }

    @Test("A watch that breaks is taken up from the last version after a while, and pods are not believed for ever")
    func broken() {
        var cache = watching(["a"])
        _ = cache.received(.bookmark("15"), to: Self.request, now: seconds(5))
        var now = seconds(6)
        var tries = 0
        while now < seconds(200) {
            switch cache.step(now: now) {
            case .wait(let until): now = until
            case .watch(let version, _):
                #expect(version == "15")
                tries += 1
                cache.failed(.unreachable(""), now: now)
            case .list: Issue.record("lists")
            }
            #expect((names(cache, at: now) != nil) == (now <= seconds(65)))
        }
        #expect((6...20).contains(tries))
        while case .wait(let until) = cache.step(now: now) { now = until }
        cache.watchOpened(now: now)
        #expect(names(cache, at: now) == ["a"])
    }

    @Test("A full list is made every ten minutes, also under a busy watch")
    func fullList() {
        var cache = watching(["a", "lost"])
        #expect(cache.received(.modified(pod("a", "11")), to: Self.request, now: seconds(599)) == true)
        #expect(cache.received(.modified(pod("a", "12")), to: Self.request, now: seconds(600)) == false)
        cache.watchEnded(now: seconds(600))
        #expect(cache.step(now: seconds(600)) == .list(continue: nil))
        cache.listed(page(["a"]), now: seconds(600))
        #expect(names(cache, at: seconds(600)) == ["a"])
    }

    @Test("A watch that the server ends at once, again and again, is not asked for in a circle")
    func short() {
        var cache = watching(["a"])
        var now = seconds(0)
        var tries = 0
        while now < seconds(60) {
            switch cache.step(now: now) {
            case .wait(let until): now = until
            default:
                tries += 1
                cache.watchOpened(now: now)
                cache.watchEnded(now: now)
            }
        }
        #expect(tries < 12)
    }

    @Test("When the workload counts other pods for long, the watch is dead")
    func mismatch() {
        var cache = watching(["a", "b"])
        #expect(cache.expect(3, known: 2, now: seconds(100)) == false)
        #expect(cache.expect(3, known: 2, now: seconds(114)) == false)
        #expect(cache.expect(2, known: 2, now: seconds(115)) == false, "it was only late")
        #expect(cache.expect(3, known: 2, now: seconds(116)) == false)
        #expect(cache.expect(3, known: 2, now: seconds(131)) == true)
        #expect(cache.expect(3, known: 2, now: seconds(150)) == false, "asked for already")
        cache.watchEnded(now: seconds(131))
        #expect(cache.step(now: seconds(131)) == .list(continue: nil))
        cache.listed(page(["a", "b", "c"]), now: seconds(132))
        #expect(cache.mismatches == 1)
        // A mismatch that no list puts right is looked into now and then only.
        #expect(cache.expect(9, known: 3, now: seconds(140)) == false)
        #expect(cache.expect(9, known: 3, now: seconds(160)) == false)
        #expect(cache.expect(9, known: 3, now: seconds(192)) == true)
    }

    @Test("More pods than are kept, lists without end and lists without a version are given up, slowly")
    func absurd() {
        var settings = PodCache.Settings()
        settings.maximumPods = 3
        for answer in [page(["a", "b", "c", "d"]), page(["a"], version: nil), page(["a"], version: "")] {
            var cache = PodCache(settings: settings, seed: 1)
            _ = cache.step(now: .zero)
            cache.listed(answer, now: .zero)
            #expect(names(cache, at: .zero) == nil)
            guard case .wait = cache.step(now: .zero) else {
                Issue.record("no wait")
                continue
            }
        }
        var cache = PodCache(seed: 1)
        var pages = 0
        while case .list = cache.step(now: .zero) {
            pages += 1
            cache.listed(page([], next: "again"), now: .zero)
        }
        #expect(pages < 300)
    }

    @Test("A watch does not fill the memory either, and pods without a name are nothing")
    func flood() {
        var settings = PodCache.Settings()
        settings.maximumPods = 3
        var cache = watching(["a", "b"], settings: settings)
        for index in 0..<100 { _ = cache.received(.added(pod("p\(index)")), to: Self.request, now: .zero) }
        _ = cache.received(.added(PodObject(metadata: ObjectMeta())), to: Self.request, now: .zero)
        #expect(cache.pods(now: .zero)?.count == 3)
    }

    @Test(
        "Whatever breaks in between, the pods known are those that were there at the version known",
        arguments: 1...12 as ClosedRange<UInt64>)
    func simulation(seed: UInt64) {
        var random = Random(state: seed)
        // The server: what happened, and what it has forgotten.
        var history: [(version: Int, event: PodEvent)] = []
        var current: [String: PodObject] = [:]
        var version = 100
        var forgotten = 100
        func change() {
            version += 1
            let name = "p\(random.below(12))"
            if current[name] == nil {
                current[name] = pod(name, "\(version)")
                history.append((version, .added(pod(name, "\(version)"))))
            } else if random.below(2) == 0 {
                current[name] = nil
                history.append((version, .deleted(pod(name, "\(version)"))))
            } else {
                current[name] = pod(name, "\(version)")
                history.append((version, .modified(pod(name, "\(version)"))))
            }
        }
        var cache = PodCache(seed: seed)
        var now = MonotonicTime.zero
        var agreed = 0
        for _ in 0..<800 {
            if random.below(3) == 0 { change() }
            if random.below(60) == 0 { forgotten = version - random.below(3) }
            now = now + .milliseconds(random.below(2_000))
            switch cache.step(now: now) {
            case .wait(let until): now = until
            case .list:
                if random.below(5) == 0 {
                    cache.failed(.busy(status: 503, retryAfter: nil), now: now)
                } else {
                    cache.listed(
                        PodPage(metadata: ListMeta(resourceVersion: "\(version)"), items: Array(current.values)),
                        now: now)
                }
            case .watch(let from, _):
                guard let from = Int(from), from >= forgotten else {
                    cache.failed(.gone, now: now)
                    continue
                }
                cache.watchOpened(now: now)
                var goesOn = true
                for entry in history where entry.version > from && goesOn {
                    if random.below(10) == 0 { break }
                    now = now + .seconds(random.below(3))
                    goesOn = cache.received(entry.event, to: Self.request, now: now)
                }
                // Where the watch broke off is taken up by the next: nothing is skipped.
                if random.below(3) == 0 {
                    cache.failed(.unreachable(""), now: now)
                } else {
                    cache.watchEnded(now: now)
                }
                guard case .watch(let known, _) = cache.step(now: now + .seconds(31)), let known = Int(known) else {
                    continue
                }
                var expected: [String: PodObject] = [:]
                for entry in history where entry.version <= known {
                    switch entry.event {
                    case .added(let pod), .modified(let pod): expected[pod.metadata.name ?? ""] = pod
                    case .deleted(let pod): expected[pod.metadata.name ?? ""] = nil
                    default: break
                    }
                }
                if let pods = cache.pods(now: now) {
                    #expect(pods == expected, "seed \(seed)")
                    agreed += 1
                }
            }
        }
        #expect(agreed > 30)
    }
}
