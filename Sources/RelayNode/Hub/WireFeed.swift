import NIOCore
import RelayCore

/// One stream in one wire form on one event loop: the shared log and the viewers that read it.
///
/// Confined to its event loop.
final class WireFeed {
    let form: WireForm
    private(set) var log: WireLog
    private(set) var viewers: [Viewer] = []
    /// Ledgers of the viewers that left.
    private(set) var departed = LossLedger()

    private let settings: FanoutSettings
    private let meter: FanoutMeter
    private let allocator = ByteBufferAllocator()
    private var headerFrames: [Frame] = []
    private var headers: (dts: Int64, bytes: ByteBuffer)?
    private var isWriting = false
    private var removedWhileWriting: [Viewer] = []
    /// Viewers that were taken in and have got no media yet.
    private var newcomers: [Viewer] = []

    init(form: WireForm, settings: FanoutSettings, meter: FanoutMeter, hasVideo: Bool) {
        self.form = form
        self.settings = settings
        self.meter = meter
        self.log = WireLog(limits: settings.log, hasVideo: hasVideo && form.selection.includes(.video))
    }

    // MARK: Frames

    /// Serialises frames once and appends them to the log.
    ///
    /// - Returns: The batch, or nil when the form leaves all of the frames out.
    @discardableResult
    func append(_ frames: some Collection<Frame>, now: MonotonicTime) -> WireLog.Batch? {
        var capacity = form.prefixCapacity
        for frame in frames { capacity &+= frame.body.readableBytes &+ WireForm.overheadPerFrame }
        var buffer = allocator.buffer(capacity: capacity)
        buffer.moveWriterIndex(forwardBy: form.prefixCapacity)
        buffer.moveReaderIndex(forwardBy: form.prefixCapacity)
        var written: [(frame: Frame, length: Int)] = []
        written.reserveCapacity(frames.count)
        for frame in frames {
            guard let converted = form.convert(frame) else { continue }
            let before = buffer.writerIndex
            form.write(converted, chunkSize: settings.chunkSize, into: &buffer)
            written.append((converted, buffer.writerIndex &- before))
        }
        guard !written.isEmpty else { return nil }
        let prefix = writeBatchHeader(into: &buffer)
        return log.append(buffer, prefix: prefix, frames: written, now: now)
    }

    /// Puts the framing of a whole batch into the space left before it.
    ///
    /// - Returns: Its length.
    private func writeBatchHeader(into buffer: inout ByteBuffer) -> Int {
        guard form.container == .webSocketFLV else { return 0 }
        let payload = buffer.readableBytes
        let length = WebSocketFraming.headerLength(payloadLength: payload)
        var header = ByteBuffer()
        WebSocketFraming.writeHeader(opcode: WebSocketFraming.binary, payloadLength: payload, into: &header)
        let start = buffer.readerIndex &- length
        buffer.setBuffer(header, at: start)
        buffer.moveReaderIndex(to: start)
        return length
    }

    /// What has to precede media for a viewer that joins or skips, from here on.
    func setHeaders(_ frames: [Frame]) {
        headerFrames = frames
        headers = nil
    }

    /// The headers in wire form, at the time of the frame that follows them, so that no player sees time go back. Viewers
    /// that join in the same GOP share the bytes.
    private func headerBytes(before position: UInt64) -> ByteBuffer {
        let dts = log.entry(at: position)?.dts ?? log.lastDts
        if let headers, headers.dts == dts { return headers.bytes }
        var buffer = allocator.buffer(capacity: 1024)
        buffer.moveWriterIndex(forwardBy: form.prefixCapacity)
        buffer.moveReaderIndex(forwardBy: form.prefixCapacity)
        for var frame in headerFrames {
            frame.dts = dts
            guard let converted = form.convert(frame) else { continue }
            form.write(converted, chunkSize: settings.chunkSize, into: &buffer)
        }
        if buffer.readableBytes > 0 { _ = writeBatchHeader(into: &buffer) }
        headers = (dts, buffer)
        return buffer
    }

    func forgetKeyframe() { log.forgetKeyframe() }
    func trim(now: MonotonicTime) { log.trim(now: now) }

    // MARK: Viewers

    /// Takes a viewer in and gives it the headers and the GOP in one write.
    func add(_ viewer: Viewer, tracks: TrackKinds, now: MonotonicTime) {
        viewer.index = viewers.count
        viewers.append(viewer)
        viewer.connection?.didJoin(tracks: tracks)
        pump(viewer, now: now)
        viewer.flush()
        if viewer.queue.sent > 0 {
            meter.firstFrames.note(now - viewer.askedAt, now: now)
        } else if viewer.context != nil {
            newcomers.append(viewer)
        }
    }

    /// Those who have got their first media now need not be looked at any more.
    private func greetNewcomers(now: MonotonicTime) {
        newcomers.removeAll { viewer in
            guard viewer.queue.sent > 0 else { return viewer.context == nil }
            meter.firstFrames.note(now - viewer.askedAt, now: now)
            return true
        }
    }

    /// Lets go of a viewer whose connection is gone or going.
    func remove(_ viewer: Viewer) {
        guard viewer.context != nil else { return }
        departed += viewer.queue.ledger(log: log)
        meter.leaves &+= 1
        viewer.detach()
        if !newcomers.isEmpty { newcomers.removeAll { $0 === viewer } }
        if isWriting {
            removedWhileWriting.append(viewer)
        } else {
            unlist(viewer)
        }
    }

    private func unlist(_ viewer: Viewer) {
        let last = viewers.removeLast()
        if last !== viewer {
            viewers[viewer.index] = last
            last.index = viewer.index
        }
    }

    /// The hot loop: one write of one shared buffer per viewer that keeps up.
    func write(_ batch: WireLog.Batch, now: MonotonicTime) {
        let length = batch.buffer.readableBytes
        var written: UInt64 = 0
        isWriting = true
        viewers.withUnsafeBufferPointer { viewers in
            batch.buffer.withUnsafeReadableBytes { bytes in
                for viewer in viewers {
                    guard viewer.isDirect, viewer.queue.take(batch, length: length) else {
                        pump(viewer, now: now)
                        continue
                    }
                    let taken = viewer.send(bytes)
                    written &+= 1
                    if taken < length { writeRest(of: batch, from: taken, to: viewer) }
                }
            }
        }
        isWriting = false
        meter.writes &+= written
        meter.bytesOut &+= written &* UInt64(truncatingIfNeeded: length)
        meter.framesOut &+= written &* (batch.end &- batch.first)
        for viewer in removedWhileWriting { unlist(viewer) }
        removedWhileWriting.removeAll(keepingCapacity: true)
        if !newcomers.isEmpty { greetNewcomers(now: now) }
    }

    /// What the kernel did not take goes through the channel, which waits for the socket.
    private func writeRest(of batch: WireLog.Batch, from taken: Int, to viewer: Viewer) {
        var rest = batch.buffer
        rest.moveReaderIndex(forwardBy: taken)
        viewer.write(rest)
        viewer.flush()
    }

    /// The channel has handed everything to the kernel: a viewer that was behind goes on.
    func resume(_ viewer: Viewer) {
        guard viewer.context != nil, !viewer.queue.isCaughtUp(with: log) else { return }
        pump(viewer, now: .now())
    }

    /// Gives a viewer that joins or lags what it may have, as far as its socket takes it.
    func pump(_ viewer: Viewer, now: MonotonicTime) {
        guard viewer.context != nil, !viewer.isPumping else { return }
        viewer.isPumping = true
        defer { viewer.isPumping = false }
        var hasWritten = false
        while viewer.isWritable {
            let step = viewer.queue.next(log: log, limits: settings.queue, now: now)
            guard write(step, to: viewer) else { break }
            hasWritten = true
            // Water marks see bytes only once they are added; a flush tells whether the socket takes them.
            if !viewer.isWritable { viewer.flush() }
        }
        if hasWritten { viewer.flush() }
    }

    /// - Returns: False when there was nothing to do.
    private func write(_ step: SubscriberQueue.Step, to viewer: Viewer) -> Bool {
        switch step {
        case .idle:
            return false
        case .headers:
            let headers = headerBytes(before: viewer.queue.cursor)
            guard headers.readableBytes > 0 else { return true }
            viewer.write(headers)
            meter.bytesOut &+= UInt64(truncatingIfNeeded: headers.readableBytes)
        case .frames(let range):
            guard let bytes = log.bytes(of: range) else { return true }
            if form.container == .webSocketFLV {
                var header = ByteBuffer()
                WebSocketFraming.writeHeader(
                    opcode: WebSocketFraming.binary, payloadLength: bytes.readableBytes, into: &header)
                viewer.write(header)
            }
            viewer.write(bytes)
            meter.bytesOut &+= UInt64(truncatingIfNeeded: bytes.readableBytes)
            meter.framesOut &+= UInt64(range.count)
        }
        return true
    }

    /// The ledgers of all viewers, past and present.
    var ledger: LossLedger {
        var sum = departed
        for viewer in viewers where viewer.context != nil { sum += viewer.queue.ledger(log: log) }
        return sum
    }
}
