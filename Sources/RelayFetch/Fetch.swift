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
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                engine.submit(transfer, continuation)
            }
        } onCancel: {
            engine.cancel(transfer)
        }
        engine.forget(transfer)
        return try result.get()
    }
}
