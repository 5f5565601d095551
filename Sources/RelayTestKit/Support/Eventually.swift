import Foundation

/// Something that a test waited for did not happen.
package struct NotInTime: Error, CustomStringConvertible {
    package let what: String
    package let limit: Duration

    package init(_ what: String, within limit: Duration) {
        self.what = what
        self.limit = limit
    }

    package var description: String { "not within \(limit): \(what)" }
}

/// Looks again and again until a condition holds; how tests wait for other processes, which have no events to offer.
///
/// - Parameters:
///   - what: completes "waited for …" in the message.
///   - limit: generous, since it is only reached when something is broken.
/// - Throws: ``NotInTime``, and what the condition throws.
package func eventually(
    _ what: String, within limit: Duration = .seconds(30), every interval: Duration = .milliseconds(10),
    _ condition: () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + limit
    while try await !condition() {
        guard ContinuousClock.now < deadline else { throw NotInTime(what, within: limit) }
        try await Task.sleep(for: interval)
    }
}

/// Runs blocking work on a thread of its own, so that it does not hold up the threads that all tasks share.
package func onThread<T: Sendable>(_ body: @escaping @Sendable () throws -> T) async throws -> T {
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread { continuation.resume(with: Result { try body() }) }
    }
}
