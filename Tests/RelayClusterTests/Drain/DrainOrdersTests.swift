import RelayCluster
import RelayCore
import Testing

@Suite("Orders to drain")
struct DrainOrdersTests {
    private func wish(_ id: String, drain: Int64? = nil, epoch: UInt64? = nil) -> NodeWish {
        NodeWish(drainMilliseconds: drain, id: id, author: epoch.map { _ in NodeWish.autoscaler }, epoch: epoch)
    }

    @Test("an order is followed once, however often it is read")
    func once() {
        var orders = DrainOrders()
        #expect(orders.hear(nil, now: .zero) == .nothing)
        #expect(orders.hear(wish("a", drain: 500), now: .zero) == .drain(.milliseconds(500)))
        #expect(orders.following == DrainOrigin(wish: "a"))
        #expect(orders.hear(wish("a", drain: 500), now: .zero) == .nothing)
        #expect(orders.hear(nil, now: .zero) == .nothing)
        #expect(orders.following == DrainOrigin(wish: "a"))
        #expect(orders.hear(wish("b"), now: .zero) == .undrain)
        #expect(orders.following == nil)
        #expect(orders.hear(wish("c"), now: .zero) == .nothing)
    }

    @Test("what stands at the first reading was meant for the process before; what comes later is followed")
    func firstReading() {
        var orders = DrainOrders()
        #expect(orders.read(wish("a", drain: 500, epoch: 7), now: .zero) == .forget)
        #expect(orders.following == nil)
        #expect(orders.read(wish("a", drain: 500, epoch: 7), now: .zero) == .nothing)
        #expect(orders.read(wish("b", drain: 500, epoch: 6), now: .zero) == .refuse(.staleEpoch))
        #expect(orders.read(wish("c", drain: 500, epoch: 7), now: .zero) == .drain(.milliseconds(500)))
        var later = DrainOrders()
        #expect(later.read(nil, now: .zero) == .nothing)
        #expect(later.read(wish("a", drain: 500), now: .zero) == .drain(.milliseconds(500)))
    }

    @Test("the autoscaler drains and takes it back, and says in which epoch")
    func autoscaler() {
        var orders = DrainOrders()
        #expect(orders.hear(wish("a", drain: 500, epoch: 7), now: .zero) == .drain(.milliseconds(500)))
        #expect(orders.following == DrainOrigin(wish: "a", author: "autoscaler", epoch: 7))
        #expect(orders.following?.isAutoscalers == true)
        #expect(orders.hear(wish("b", epoch: 8), now: .zero) == .undrain)
    }

    @Test("a former leader's orders are not followed, neither to drain nor to undrain")
    func epochs() {
        var orders = DrainOrders()
        #expect(orders.hear(wish("a", drain: 500, epoch: 7), now: .zero) == .drain(.milliseconds(500)))
        #expect(orders.hear(wish("b", epoch: 6), now: .zero) == .refuse(.staleEpoch))
        #expect(orders.following?.epoch == 7)
        #expect(orders.hear(wish("c", epoch: 7), now: .zero) == .undrain)
        #expect(orders.hear(wish("d", drain: 500, epoch: 6), now: .zero) == .refuse(.staleEpoch))
        #expect(orders.following == nil)
        // An autoscaler's order without an epoch is the lowest.
        let bare = NodeWish(drainMilliseconds: 1, id: "e", author: NodeWish.autoscaler)
        #expect(orders.hear(bare, now: .zero) == .refuse(.staleEpoch))
        #expect(orders.hear(wish("f", drain: 1), now: .zero) == .drain(.milliseconds(1)), "an operator has no epoch")
    }

    @Test("a lower epoch counts again when the higher one has been silent for longer than a leader can be")
    func fence() {
        let fence = MonotonicTime.zero + ScalingLimits.fence
        var orders = DrainOrders()
        _ = orders.hear(wish("a", drain: 500, epoch: 1_800_000_000_000), now: .zero)
        #expect(orders.hear(wish("b", epoch: 7), now: fence - .milliseconds(1)) == .refuse(.staleEpoch))
        #expect(orders.hear(wish("c", epoch: 7), now: fence) == .undrain)
        #expect(orders.hear(wish("d", drain: 500, epoch: 6), now: fence) == .refuse(.staleEpoch))
    }

    @Test("the autoscaler neither ends nor changes an operator's drain, and an operator ends the autoscaler's")
    func operators() {
        var orders = DrainOrders()
        #expect(orders.hear(wish("a", drain: 500, epoch: 7), now: .zero) == .drain(.milliseconds(500)))
        #expect(orders.hear(wish("b", drain: 900), now: .zero) == .drain(.milliseconds(900)))
        #expect(orders.following == DrainOrigin(wish: "b"))
        #expect(orders.hear(wish("c", epoch: 8), now: .zero) == .refuse(.operatorsDrain))
        #expect(orders.hear(wish("d", drain: 1, epoch: 8), now: .zero) == .refuse(.operatorsDrain))
        #expect(orders.following == DrainOrigin(wish: "b"))
        #expect(orders.hear(wish("e"), now: .zero) == .undrain)
        #expect(orders.hear(wish("f", drain: 500, epoch: 8), now: .zero) == .drain(.milliseconds(500)))
        #expect(orders.hear(wish("g"), now: .zero) == .undrain)
    }

    @Test("the autoscaler's drain of an origin is a cordon; an operator's is not, also on top of it")
    func cordon() {
        var orders = DrainOrders(role: .origin)
        #expect(orders.hear(wish("a", drain: 500, epoch: 7), now: .zero) == .cordon)
        #expect(orders.following == DrainOrigin(wish: "a", author: "autoscaler", epoch: 7))
        #expect(orders.hear(wish("b", epoch: 7), now: .zero) == .undrain)
        #expect(orders.hear(wish("c", drain: 500, epoch: 7), now: .zero) == .cordon)
        #expect(orders.hear(wish("d", drain: 900), now: .zero) == .drain(.milliseconds(900)))
        #expect(orders.hear(wish("e", drain: 500, epoch: 7), now: .zero) == .refuse(.operatorsDrain))
        var edge = DrainOrders(role: .edge)
        #expect(edge.hear(wish("a", drain: 500, epoch: 7), now: .zero) == .drain(.milliseconds(500)))
    }

    @Test("a node that goes down listens to nobody")
    func ending() {
        var orders = DrainOrders()
        _ = orders.hear(wish("a", drain: 500, epoch: 7), now: .zero)
        orders.end()
        #expect(orders.hear(wish("b", epoch: 7), now: .zero) == .refuse(.ending))
        #expect(orders.hear(wish("c"), now: .zero) == .refuse(.ending))
        #expect(orders.hear(wish("d", drain: 5), now: .zero) == .refuse(.ending))
        #expect(orders.following == nil)
    }

    @Test("deadlines that no clock can hold are bounded")
    func deadlines() {
        for (milliseconds, expected) in [
            (Int64.min, Duration.zero), (-1, .zero), (0, .zero), (.max, DrainOrders.longestDeadline),
            (30 * 86_400_000, .seconds(30 * 86_400)),
        ] {
            var orders = DrainOrders()
            #expect(orders.hear(wish("a", drain: milliseconds), now: .zero) == .drain(expected), "\(milliseconds)")
        }
    }
}
