import NIOCore
import NIOEmbedded
import RelayCore
import Testing

@testable import RelayNode

/// A viewer's connection on an embedded channel, and the player that reads what arrives there.
final class TestViewer: ViewerConnection {
    let id: UInt64
    let form: WireForm
    let channel: EmbeddedChannel
    private let gate = WriteGate()
    private(set) var writeContext: ChannelHandlerContext?
    private(set) var endings: [RelayCode] = []
    private(set) var tracks: [TrackKinds] = []
    /// Times it was told that a publisher returned.
    private(set) var returns = 0
    private(set) var replica: StreamReplica?
    private(set) var viewer: Viewer?
    var acceptsCodecs = true
    /// Called when the channel is closed, after the viewer has left; for tests that do something in the middle of a write.
    var whenClosed: () -> Void = {}

    init(id: UInt64, form: WireForm, loop: EmbeddedEventLoop) throws {
        self.id = id
        self.form = form
        channel = EmbeddedChannel(loop: loop)
        let handler = Handler(self)
        try channel.pipeline.syncOperations.addHandlers([gate, handler])
        try channel.connect(to: SocketAddress(ipAddress: "192.0.2.9", port: 80)).wait()
        writeContext = try channel.pipeline.syncOperations.context(handler: handler)
    }

    func join(_ hub: StreamHub, _ fanout: LoopFanout) {
        let replica = fanout.replica(of: hub)
        self.replica = replica
        replica.add(id: id, form: form, connection: self, now: .now()) { self.viewer = $0 }
    }

    /// The connection is gone, as the real handlers have it.
    func leave() {
        writeContext = nil
        guard let replica else { return }
        self.replica = nil
        if let viewer {
            replica.remove(viewer, now: .now())
            self.viewer = nil
        } else {
            replica.removeWaiting(id: id)
        }
    }

    // MARK: ViewerConnection

    var remote: SocketAddress? { nil }
    var transport: String { "test" }
    var identity: ViewerIdentity { ViewerIdentity(player: nil) }
    func didJoin(tracks: TrackKinds) { self.tracks.append(tracks) }
    func accepts(_ configurations: [Frame]) -> Bool { acceptsCodecs }
    func publisherReturned() { returns += 1 }
    func end(_ code: RelayCode) {
        endings.append(code)
        leave()
    }

    // MARK: The network

    /// From here on the socket takes nothing: writes stay in the channel.
    func block() { gate.isBlocked = true }

    /// The socket takes everything again.
    func unblock() { gate.unblock() }

    /// The next flush finds the connection broken.
    func breakAtNextFlush() { gate.breaks = true }

    /// Bytes that arrived, all in one.
    func arrived() throws -> ByteBuffer {
        var bytes = ByteBuffer()
        while let buffer = try channel.readOutbound(as: ByteBuffer.self) { bytes.writeImmutableBuffer(buffer) }
        return bytes
    }

    /// Marks of the units that arrived, see ``Media/mark``, and a check that each is whole and times never go back.
    func received(sourceLocation: SourceLocation = #_sourceLocation) throws -> String {
        try units(sourceLocation: sourceLocation).map(\.mark).joined()
    }

    func units(sourceLocation: SourceLocation = #_sourceLocation) throws -> [WireUnit] {
        let units = try WireUnit.read(try arrived(), form)
        var last: [UInt8: UInt32] = [:]
        for unit in units where unit.type != 18 {
            #expect(unit.time >= last[unit.type] ?? 0, "time goes back", sourceLocation: sourceLocation)
            last[unit.type] = unit.time
        }
        return units
    }

    /// Tells the connection's end as NIO does.
    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer
        private weak var owner: TestViewer?

        init(_ owner: TestViewer) { self.owner = owner }

        func channelWritabilityChanged(context: ChannelHandlerContext) {
            if let viewer = owner?.viewer, context.channel.isWritable { viewer.feed.resume(viewer) }
        }

        func channelInactive(context: ChannelHandlerContext) {
            owner?.leave()
            owner?.whenClosed()
        }
    }

    /// Stands where the socket is.
    private final class WriteGate: ChannelDuplexHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        /// As much as a real channel holds before it says that it is full.
        static let highWaterMark = 262_144

        var isBlocked = false
        var breaks = false
        private var waiting: [(NIOAny, EventLoopPromise<Void>?)] = []
        private var waitingBytes = 0
        private var context: ChannelHandlerContext?

        func handlerAdded(context: ChannelHandlerContext) { self.context = context }
        func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

        func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
            guard isBlocked else {
                context.write(data, promise: promise)
                return
            }
            waiting.append((data, promise))
            waitingBytes += unwrapOutboundIn(data).readableBytes
            setWritable(waitingBytes < Self.highWaterMark)
        }

        func flush(context: ChannelHandlerContext) {
            if breaks {
                breaks = false
                context.close(promise: nil)
                return
            }
            if !isBlocked { context.flush() }
        }

        func unblock() {
            isBlocked = false
            let all = waiting
            waiting = []
            waitingBytes = 0
            for (data, promise) in all { context?.write(data, promise: promise) }
            context?.flush()
            setWritable(true)
        }

        private func setWritable(_ isWritable: Bool) {
            guard let channel = context?.channel as? EmbeddedChannel, channel.isWritable != isWritable else { return }
            channel.isWritable = isWritable
            channel.pipeline.fireChannelWritabilityChanged()
        }
    }
}

/// One FLV tag or RTMP message as a player reads it; written down here once more, independent of the targets under test.
struct WireUnit {
    var type: UInt8
    var time: UInt32
    var body: [UInt8]

    /// See ``Media/mark``.
    var mark: String {
        switch (type, body.first, body.dropFirst().first) {
        case (18, _, _): "M"
        case (8, _, 0): "A"
        case (8, _, _): "a"
        case (9, _, 0): "V"
        case (9, 0x17, _): "k"
        case (9, _, _): body.count > 9 && body[9] == 0x01 ? "b" : "p"
        default: "?"
        }
    }

    /// What has to be there for the unit to be whole.
    private static func need<Value>(_ value: Value?) throws -> Value { try #require(value) }

    static func read(_ bytes: ByteBuffer, _ form: WireForm) throws -> [WireUnit] {
        switch form.container {
        case .flv: return try readFLV(bytes)
        case .webSocketFLV:
            // A message holds whole tags.
            return try readWebSocket(bytes).flatMap { try readFLV($0) }
        case .rtmp: return try readRTMP(bytes)
        }
    }

    /// FLV specification E.4.1: type, length, time, its upper byte, stream id; then the size of it all.
    private static func readFLV(_ bytes: ByteBuffer) throws -> [WireUnit] {
        var bytes = bytes
        var units: [WireUnit] = []
        while bytes.readableBytes > 0 {
            let head = try need(bytes.readBytes(length: 11))
            let length = Int(head[1]) << 16 | Int(head[2]) << 8 | Int(head[3])
            let body = try need(bytes.readBytes(length: length))
            let size = try need(bytes.readInteger(as: UInt32.self))
            #expect(Int(size) == length + 11)
            #expect(head[8...] == [0, 0, 0])
            let time = UInt32(head[7]) << 24 | UInt32(head[4]) << 16 | UInt32(head[5]) << 8 | UInt32(head[6])
            units.append(WireUnit(type: head[0], time: time, body: body))
        }
        return units
    }

    /// RFC 6455 section 5.2, as far as a server needs it: binary, final, not masked.
    static func readWebSocket(_ bytes: ByteBuffer) throws -> [ByteBuffer] {
        var bytes = bytes
        var messages: [ByteBuffer] = []
        while bytes.readableBytes > 0 {
            let first = try need(bytes.readInteger(as: UInt8.self))
            #expect(first == 0x82)
            var length = Int(try need(bytes.readInteger(as: UInt8.self)))
            if length == 126 {
                length = Int(try need(bytes.readInteger(as: UInt16.self)))
            } else if length == 127 {
                length = Int(try need(bytes.readInteger(as: UInt64.self)))
            }
            messages.append(try need(bytes.readSlice(length: length)))
        }
        return messages
    }

    /// RTMP 1.0 section 5.3.1, messages of one chunk with a full header each.
    private static func readRTMP(_ bytes: ByteBuffer) throws -> [WireUnit] {
        var bytes = bytes
        var units: [WireUnit] = []
        while bytes.readableBytes > 0 {
            let head = try need(bytes.readBytes(length: 12))
            #expect(head[0] & 0xC0 == 0, "a full header")
            #expect(head[8...] == [1, 0, 0, 0], "the message stream")
            let time = UInt32(head[1]) << 16 | UInt32(head[2]) << 8 | UInt32(head[3])
            let length = Int(head[4]) << 16 | Int(head[5]) << 8 | Int(head[6])
            units.append(WireUnit(type: head[7], time: time, body: try need(bytes.readBytes(length: length))))
        }
        return units
    }
}
