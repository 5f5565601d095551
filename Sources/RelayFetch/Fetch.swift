import CCurl

/// HTTP calls with a deadline, over libcurl. One `Fetch` has one thread of its own on which libcurl runs, and a pool of
/// kept connections; calls from any number of tasks share it. It follows no redirect, uses no proxy, reads no `.netrc`
/// and speaks http and https only.
package final class Fetch: Sendable {
    private let engine: FetchEngine

    /// - Throws: ``FetchError`` when libcurl or a thread cannot be had.
    package init() throws(FetchError) {
        engine = try FetchEngine()
        try engine.start()
    }

    deinit { engine.stop() }

    /// Makes one call and waits for its whole answer. Cancelling the task ends the call.
    ///
    /// - Throws: ``FetchError`` when there is no complete answer of allowed size before the deadline.
    package func send(_ request: FetchRequest) async throws(FetchError) -> FetchResponse {
        let transfer = try FetchTransfer(request)
        let id = transfer.id
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                engine.submit(transfer) { continuation.resume(returning: $0) }
            }
        } onCancel: {
            engine.cancel(id)
        }
        engine.forget(id)
        return try result.get()
    }

    /// Makes one call and waits for the head of its answer; the body is then read piece by piece, for answers that go on
    /// for long. The call ends when the stream is let go, is cancelled, or the deadline passes.
    ///
    /// - Parameters:
    ///   - idleTimeout: the longest that the peer may say nothing, before the head and in the body. The time that the
    ///     reader does not read is not counted.
    ///   - bufferBytes: how much of the body is kept for a slow reader before the peer is made to wait.
    /// - Throws: ``FetchError`` when there is no head before the deadline.
    package func stream(
        _ request: FetchRequest, idleTimeout: Duration, bufferBytes: Int = 1 << 20
    ) async throws(FetchError) -> FetchStream {
        let buffer = FetchBuffer(capacity: bufferBytes)
        let transfer = try FetchTransfer(request, buffer: buffer, idleTimeout: idleTimeout)
        let id = transfer.id
        let engine = engine
        engine.submit(transfer) { result in
            buffer.finish(result.map { _ in () })
            engine.forget(id)
        }
        let lifetime = FetchStream.Lifetime(engine: engine, id: id, buffer: buffer)
        let head = await withTaskCancellationHandler {
            await withCheckedContinuation { buffer.waitForHead($0) }
        } onCancel: {
            lifetime.cancel()
        }
        let (status, headers) = try head.get()
        return FetchStream(status: status, headers: headers, lifetime: lifetime)
    }
}
