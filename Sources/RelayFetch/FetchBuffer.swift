import Synchronization

/// What a stream's reader and libcurl's thread share: the head, the pieces that were not read yet, and the end.
///
/// The reader is resumed outside the lock. The lock may be held when the engine's is taken, never the other way round.
final class FetchBuffer: Sendable {
    typealias Head = (status: Int, headers: [(name: String, value: String)])
    typealias HeadContinuation = CheckedContinuation<Result<Head, FetchError>, Never>
    typealias Piece = Result<[UInt8]?, FetchError>
    typealias PieceContinuation = CheckedContinuation<Piece, Never>

    private struct State {
        var head: Head?
        var headReader: HeadContinuation?
        var pieces: [[UInt8]] = []
        var bufferedBytes = 0
        /// libcurl was told to wait until the reader has caught up.
        var isPaused = false
        var reader: PieceContinuation?
        var ending: Result<Void, FetchError>?
    }

    private let state = Mutex(State())
    private let capacity: Int

    init(capacity: Int) { self.capacity = capacity }

    // MARK: the engine's thread

    /// The head is complete. Trailers come later and change nothing.
    func begin(_ head: Head) {
        let reader = state.withLock { state -> HeadContinuation? in
            guard state.head == nil else { return nil }
            state.head = head
            defer { state.headReader = nil }
            return state.headReader
        }
        reader?.resume(returning: .success(head))
    }

    /// Takes bytes of the body; false when they have to wait.
    func append(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard !bytes.isEmpty else { return true }
        let (isTaken, reader) = state.withLock { state -> (Bool, PieceContinuation?) in
            if let reader = state.reader {
                state.reader = nil
                return (true, reader)
            }
            // A piece larger than the whole buffer is taken when the buffer is empty; libcurl's are 16 KiB.
            if state.bufferedBytes > 0, bytes.count > capacity - state.bufferedBytes {
                state.isPaused = true
                return (false, nil)
            }
            state.pieces.append(Array(bytes))
            state.bufferedBytes += bytes.count
            return (true, nil)
        }
        reader?.resume(returning: .success(Array(bytes)))
        return isTaken
    }

    /// The call is over, one way or the other; only the first end counts.
    func finish(_ ending: Result<Void, FetchError>) {
        let (head, reader) = state.withLock { state -> (HeadContinuation?, PieceContinuation?) in
            guard state.ending == nil else { return (nil, nil) }
            state.ending = ending
            defer {
                state.headReader = nil
                state.reader = nil
            }
            // Who cancels does not want the rest.
            if case .failure(let error) = ending, error.kind == .cancelled { state.pieces = [] }
            return (state.headReader, state.reader)
        }
        head?.resume(returning: Self.headless(ending))
        reader?.resume(returning: ending.map { nil })
    }

    /// Whether the peer is not to blame for silence.
    var isPaused: Bool { state.withLock { $0.isPaused } }

    // MARK: the reader

    func waitForHead(_ continuation: HeadContinuation) {
        let known = state.withLock { state -> Result<Head, FetchError>? in
            if let head = state.head { return .success(head) }
            if let ending = state.ending { return Self.headless(ending) }
            state.headReader = continuation
            return nil
        }
        if let known { continuation.resume(returning: known) }
    }

    /// Resumes with the next piece, now or when it is there. True when libcurl is to go on after a pause.
    func next(_ continuation: PieceContinuation) -> Bool {
        let (known, goesOn) = state.withLock { state -> (Piece?, Bool) in
            if !state.pieces.isEmpty {
                // All at once: one hand-over for many small pieces.
                var whole: [UInt8] = []
                if state.pieces.count > 1 { whole.reserveCapacity(state.bufferedBytes) }
                for piece in state.pieces { whole += piece }
                state.pieces = []
                state.bufferedBytes = 0
                defer { state.isPaused = false }
                return (.success(whole), state.isPaused)
            }
            if let ending = state.ending { return (ending.map { nil }, false) }
            if state.reader != nil {
                let error = FetchError(kind: .badRequest, message: "Two tasks read the same answer.")
                return (.failure(error), false)
            }
            state.reader = continuation
            return (nil, false)
        }
        if let known { continuation.resume(returning: known) }
        return goesOn
    }

    /// Does something unless the call is over, and before it can be.
    func unlessOver(_ body: () -> Void) {
        state.withLock { if $0.ending == nil { body() } }
    }

    private static func headless(_ ending: Result<Void, FetchError>) -> Result<Head, FetchError> {
        switch ending {
        case .success: .failure(FetchError(kind: .broken, message: "The answer has no final status."))
        case .failure(let error): .failure(error)
        }
    }
}
