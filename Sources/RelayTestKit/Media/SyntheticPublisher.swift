import NIOCore
package import RelayClient
import RelayCore
import RelayRTMP
import Synchronization

/// Publishes ``SyntheticMedia`` in real time, video and audio, until it is told to stop.
package final class SyntheticPublisher: Sendable {
    /// What it sends.
    package struct Options: Sendable {
        /// From one frame to the next, video and audio alike.
        package var interval = Duration.milliseconds(40)
        /// Frames of a GOP.
        package var keyInterval: UInt64 = 25
        /// Bytes of a video frame.
        package var videoSize = 1_000
        /// Every second frame that is no keyframe is disposable.
        package var hasDisposables = false
        package var hasVideo = true
        package var hasAudio = true
        /// Number of the first frame, so that a publisher's frames can follow another's.
        package var firstNumber: UInt64 = 0
        /// Timestamp of the first frame, ms.
        package var firstTimestamp: UInt32 = 0

        package init() {}
    }

    package let publisher: StreamPublisher
    private let options: Options
    private let next: Mutex<UInt64>
    private let task: Mutex<Task<Void, Never>?> = Mutex(nil)

    private init(publisher: StreamPublisher, options: Options) {
        self.publisher = publisher
        self.options = options
        next = Mutex(options.firstNumber)
    }

    /// Publishes `live/NAME` and sends.
    ///
    /// - Throws: ``ClientError`` when the server refuses.
    package static func start(_ name: String, on relay: RelayProcess, _ options: Options = Options()) async throws
        -> SyntheticPublisher
    {
        let url = RTMPURL(host: "127.0.0.1", port: relay.rtmpPort, app: "live", name: name)
        let publisher = SyntheticPublisher(publisher: try await .connect(to: url), options: options)
        try await publisher.sendHeaders()
        let task = Task { await publisher.run() }
        publisher.task.withLock { $0 = task }
        return publisher
    }

    /// The number of the frame that comes next; all before it were handed to the kernel.
    package var nextNumber: UInt64 { next.withLock { $0 } }
    /// The timestamp of that frame.
    package var nextTimestamp: UInt32 { timestamp(nextNumber) }

    private func timestamp(_ number: UInt64) -> UInt32 {
        options.firstTimestamp
            &+ UInt32(truncatingIfNeeded: Int64(number - options.firstNumber) * options.interval.wholeMilliseconds)
    }

    /// Sends metadata and sequence headers.
    package func sendHeaders() async throws {
        try await publisher.send(
            kind: .data, timestamp: options.firstTimestamp, payload: ByteBuffer(bytes: SyntheticMedia.metadata))
        if options.hasVideo {
            try await publisher.send(
                kind: .video, timestamp: options.firstTimestamp, payload: ByteBuffer(bytes: SyntheticMedia.avcHeader))
        }
        if options.hasAudio {
            try await publisher.send(
                kind: .audio, timestamp: options.firstTimestamp, payload: ByteBuffer(bytes: SyntheticMedia.aacHeader))
        }
    }

    private func run() async {
        var due = ContinuousClock.now
        while !Task.isCancelled {
            let number = nextNumber
            let position = number - options.firstNumber
            var messages: [(kind: MediaKind, timestamp: UInt32, payload: ByteBuffer)] = []
            let now = MonotonicTime.now()
            if options.hasVideo {
                let isKeyframe = position % options.keyInterval == 0
                messages.append(
                    (
                        .video, timestamp(number),
                        ByteBuffer(
                            bytes: SyntheticMedia.video(
                                number, isKeyframe: isKeyframe, size: options.videoSize,
                                isDisposable: options.hasDisposables && !isKeyframe && position % 2 == 1, at: now))
                    ))
            }
            if options.hasAudio {
                messages.append((.audio, timestamp(number), ByteBuffer(bytes: SyntheticMedia.audio(number, at: now))))
            }
            do { try await publisher.send(messages) } catch { return }
            next.withLock { $0 = number + 1 }
            due += options.interval
            // The pace of the media, not a wait for anything.
            try? await Task.sleep(until: due, clock: .continuous)
        }
    }

    private func pause() async {
        let task = task.withLock { $0 }
        task?.cancel()
        await task?.value
    }

    /// Says goodbye and closes.
    package func finish() async {
        await pause()
        await publisher.finish()
    }

    /// Closes without a word, as an encoder does that crashes.
    package func abort() async {
        await pause()
        await publisher.abort()
    }

    /// Stops sending and leaves the connection open.
    package func fallSilent() async { await pause() }
}
