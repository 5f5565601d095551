import Testing

@testable import RelayNode

@Suite struct NodeLifecycleTests {
    @Test func `a node starts, runs and drains`() {
        let lifecycle = NodeLifecycle()
        #expect(lifecycle.state == .starting)
        lifecycle.didBind("rtmp", to: "0.0.0.0:1935")
        #expect(lifecycle.state == .starting)
        lifecycle.didStart()
        #expect(lifecycle.state == .running)
        lifecycle.beginDrain()
        #expect(lifecycle.state == .draining)
        #expect(lifecycle.listeners == ["rtmp": "0.0.0.0:1935"])
        #expect(lifecycle.uptime >= .zero)
    }

    @Test func `a node that drains never runs again`() {
        let lifecycle = NodeLifecycle()
        lifecycle.beginDrain()
        lifecycle.didStart()
        #expect(lifecycle.state == .draining)
    }
}
