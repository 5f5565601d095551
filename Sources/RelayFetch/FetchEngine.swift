import CCurl
import Glibc
import Synchronization

/// The thread that libcurl runs on. Calls are handed in through a lock and a wake-up; everything of libcurl but
/// that wake-up is touched by the thread alone.
final class FetchEngine: Sendable {
    typealias Outcome = Result<FetchResponse, FetchError>
    typealias Continuation = CheckedContinuation<Outcome, Never>

    private struct State {
        var submitted: [(FetchTransfer, Continuation)] = []
        var cancelled: Set<UInt64> = []
        var isStopping = false
        var hasEnded = false
    }

    private let state = Mutex(State())
    /// Freed by the thread at its end, after `hasEnded` was set under the lock.
    nonisolated(unsafe) private let multi: UnsafeMutableRawPointer

    /// Whether libcurl's global state could be set up; done once in the process.
    static let isLibraryReady = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

    init() throws(FetchError) {
        guard Self.isLibraryReady, let multi = curl_multi_init() else {
            throw FetchError(kind: .broken, message: "libcurl could not be started.")
        }
        self.multi = multi
        // Connections kept for the next call.
        relay_curl_multi_set_long(multi, CURLMOPT_MAXCONNECTS, 16)
    }

    /// Starts the thread, which keeps the engine alive until ``stop()``.
    func start() throws(FetchError) {
        var thread = pthread_t()
        let context = Unmanaged.passRetained(self)
        let result = pthread_create(
            &thread, nil,
            { context in
                guard let context else { return nil }
                let engine = Unmanaged<FetchEngine>.fromOpaque(context).takeRetainedValue()
                engine.run()
                return nil
            }, context.toOpaque())
        guard result == 0 else {
            context.release()
            state.withLock { $0.hasEnded = true }
            curl_multi_cleanup(multi)
            throw FetchError(kind: .broken, message: "No thread could be started for HTTP calls.")
        }
        pthread_detach(thread)
    }

    /// Hands a call to the thread; the continuation is resumed exactly once.
    func submit(_ transfer: FetchTransfer, _ continuation: Continuation) {
        let isRefused = state.withLock { state in
            // The cancellation may have come first.
            if state.isStopping || state.cancelled.contains(transfer.id) { return true }
            state.submitted.append((transfer, continuation))
            curl_multi_wakeup(multi)
            return false
        }
        if isRefused { continuation.resume(returning: Self.cancelledOutcome) }
    }

    /// Forgets a call that is over, with a cancellation that came too late for it.
    func forget(_ transfer: FetchTransfer) {
        state.withLock { state in _ = state.cancelled.remove(transfer.id) }
    }

    /// Ends a call early. Without effect when it is over.
    func cancel(_ transfer: FetchTransfer) {
        state.withLock { state in
            guard !state.hasEnded else { return }
            state.cancelled.insert(transfer.id)
            curl_multi_wakeup(multi)
        }
    }

    /// Ends the thread and every call in progress.
    func stop() {
        state.withLock { state in
            guard !state.hasEnded else { return }
            state.isStopping = true
            curl_multi_wakeup(multi)
        }
    }

    private static let cancelledOutcome = Outcome.failure(
        FetchError(kind: .cancelled, message: "The call was cancelled."))

    private func run() {
        var active: [UInt64: (transfer: FetchTransfer, continuation: Continuation)] = [:]
        while true {
            let (submitted, cancelled, isStopping) = state.withLock { state in
                defer { state.submitted = [] }
                return (state.submitted, state.cancelled, state.isStopping)
            }
            for (transfer, continuation) in submitted {
                if !transfer.arm() {
                    continuation.resume(returning: transfer.outcome(CURLE_OPERATION_TIMEDOUT))
                } else if curl_multi_add_handle(multi, transfer.handle) != CURLM_OK {
                    continuation.resume(returning: transfer.outcome(CURLE_FAILED_INIT))
                } else {
                    active[transfer.id] = (transfer, continuation)
                }
            }
            func end(_ id: UInt64, _ outcome: (FetchTransfer) -> Outcome) {
                guard let call = active.removeValue(forKey: id) else { return }
                curl_multi_remove_handle(multi, call.transfer.handle)
                call.continuation.resume(returning: outcome(call.transfer))
            }
            for id in isStopping ? Set(active.keys) : cancelled { end(id) { _ in Self.cancelledOutcome } }
            if isStopping { break }

            var running: Int32 = 0
            curl_multi_perform(multi, &running)
            var left: Int32 = 0
            while let message = curl_multi_info_read(multi, &left) {
                guard message.pointee.msg == CURLMSG_DONE, let handle = message.pointee.easy_handle else { continue }
                let code = relay_curl_message_result(message)
                var context: UnsafeMutableRawPointer?
                relay_curl_get_pointer(handle, CURLINFO_PRIVATE, &context)
                guard let context else { continue }
                let id = Unmanaged<FetchTransfer>.fromOpaque(context).takeUnretainedValue().id
                end(id) { $0.outcome(code) }
            }
            // Sleeps until a socket, a timer of libcurl or a wake-up needs it; the bound only guards against a lost one.
            curl_multi_poll(multi, nil, 0, 60_000, nil)
        }
        let late = state.withLock { state in
            state.hasEnded = true
            defer { state.submitted = [] }
            return state.submitted
        }
        for (_, continuation) in late { continuation.resume(returning: Self.cancelledOutcome) }
        curl_multi_cleanup(multi)
    }
}
