import RelayCluster
import RelayCore
import RelayScaling
import Testing

@testable import RelayNode

/// What operators set, as the autoscaler and the admin API read it.
struct ScalingControlsTests {
    private let registry = MemoryRegistry(
        clock: { .now() }, wallMilliseconds: { WallClock.milliseconds }, sleep: { _ in })

    private func controls(isPaused: Bool, usesForecast: Bool) -> ScalingControls {
        var controls = ScalingControls()
        controls.isPaused = isPaused
        controls.usesForecast = usesForecast
        return controls
    }

    @Test func `what nobody set has its default, whatever else was set`() async throws {
        #expect(try await AutoscaleRoutes.controls(registry, last: nil) == ScalingControls())
        // What was known before does not stand for what can be read.
        let last = controls(isPaused: true, usesForecast: false)
        #expect(try await AutoscaleRoutes.controls(registry, last: last) == ScalingControls())
        try await registry.setScalingControl("usesForecast", to: "false")
        let read = try await AutoscaleRoutes.controls(registry, last: nil)
        #expect(read == controls(isPaused: false, usesForecast: false))
    }

    @Test func `what cannot be read is as it was last, and paused when nothing was known`() async throws {
        try await registry.setScalingControl("isPaused", to: "perhaps")
        try await registry.setScalingControl("usesForecast", to: "false")
        let last = controls(isPaused: true, usesForecast: true)
        let read = try await AutoscaleRoutes.controls(registry, last: last)
        #expect(read == controls(isPaused: true, usesForecast: false))
        #expect(try await !AutoscaleRoutes.controls(registry, last: ScalingControls()).isPaused)
        #expect(try await AutoscaleRoutes.controls(registry, last: nil).isPaused)
    }
}
