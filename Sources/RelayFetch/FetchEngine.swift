import CCurl
import Glibc
import Synchronization

/// The thread that libcurl runs on. Calls are handed in through a lock and a wake-up; everything of libcurl but
/// that wake-up is touched by the thread alone.
final class FetchEngine: Sendable {
    typealias Outcome = Result<FetchResponse, FetchError>
    /// Told the outcome of a call exactly once, outside the lock.
    typealias Completion = @Sendable (Outcome) -> Void

    private struct State {
        var submitted: [(FetchTransfer, Completion)] = []
        var cancelled: Set<UInt64> = []
        /// Streams whose reader has caught up.
        var goingOn: Set<UInt64> = []
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

    /// Hands a call to the thread.
    func submit(_ transfer: FetchTransfer, _ completion: @escaping Completion) {
        let isRefused = state.withLock { state in
            // The cancellation may have come first.
            if state.isStopping || state.cancelled.contains(transfer.id) { return true }
            state.submitted.append((transfer, completion))
            curl_multi_wakeup(multi)
            return false
        }
        if isRefused { completion(Self.cancelledOutcome) }
    }

    /// Forgets a call that is over, with a cancellation that came too late for it.
    func forget(_ id: UInt64) {
        state.withLock { state in _ = state.cancelled.remove(id) }
    }

    /// Ends a call early. Without effect when it is over.
    func cancel(_ id: UInt64) {
        state.withLock { state in
            guard !state.hasEnded else { return }
            state.cancelled.insert(id)
            curl_multi_wakeup(multi)
        }
    }

    /// Lets a stream that was paused go on. Without effect when it is over.
    func goOn(_ id: UInt64) {
        state.withLock { state in
            guard !state.hasEnded else { return }
            state.goingOn.insert(id)
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

    private static let silentOutcome = Outcome.failure(
        FetchError(kind: .timedOut, message: "The peer said nothing for too long."))

    private func run() {
        var active: [UInt64: (transfer: FetchTransfer, completion: Completion)] = [:]
        while true {
            let (submitted, cancelled, goingOn, isStopping) = state.withLock { state in
                defer {
                    state.submitted = []
                    state.goingOn = []
                }
                return (state.submitted, state.cancelled, state.goingOn, state.isStopping)
            }
            for (transfer, completion) in submitted {
                if !transfer.arm() {
                    completion(transfer.outcome(CURLE_OPERATION_TIMEDOUT))
                } else if curl_multi_add_handle(multi, transfer.handle) != CURLM_OK {
                    completion(transfer.outcome(CURLE_FAILED_INIT))
                } else {
                    active[transfer.id] = (transfer, completion)
                }
            }
            func end(_ id: UInt64, _ outcome: (FetchTransfer) -> Outcome) {
                guard let call = active.removeValue(forKey: id) else { return }
                curl_multi_remove_handle(multi, call.transfer.handle)
                call.completion(outcome(call.transfer))
            }
            for id in isStopping ? Set(active.keys) : cancelled { end(id) { _ in Self.cancelledOutcome } }
            if isStopping { break }
            for id in goingOn { active[id]?.transfer.goOn() }

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
            // Sleeps until a socket, a timer of libcurl, a wake-up or a stream's silence needs it; the longest sleep only
            // guards against a lost wake-up.
            var sleep = Duration.seconds(60)
            let now = ContinuousClock.now
            for (id, call) in active {
                guard let silentAt = call.transfer.silentAt else { continue }
                if silentAt <= now {
                    end(id) { _ in Self.silentOutcome }
                } else {
                    sleep = min(sleep, silentAt - now)
                }
            }
            // One more, because the fraction is cut off.
            let milliseconds = sleep / .milliseconds(1) + 1
            curl_multi_poll(multi, nil, 0, Int32(milliseconds), nil)
        }
        let late = state.withLock { state in
            state.hasEnded = true
            defer { state.submitted = [] }
            return state.submitted
        }
        for (_, completion) in late { completion(Self.cancelledOutcome) }
        curl_multi_cleanup(multi)
    }
}
