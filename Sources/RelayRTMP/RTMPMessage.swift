package import NIOCore

/// One RTMP message: what the chunk layer carries in pieces. RTMP 1.0 section 6.1.
package struct RTMPMessage: Sendable, Equatable {
    /// The message type id, see ``RTMPMessageType``.
    package var type: UInt8
    /// Absolute time in ms, modulo 2^32.
    package var timestamp: UInt32
    /// The message stream id; 0 is the connection itself.
    package var streamID: UInt32
    /// The message body.
    package var payload: ByteBuffer

    package init(type: UInt8, timestamp: UInt32, streamID: UInt32, payload: ByteBuffer) {
        self.type = type
        self.timestamp = timestamp
        self.streamID = streamID
        self.payload = payload
    }
}

/// Message type ids. RTMP 1.0 sections 5.4 and 7.1.
package enum RTMPMessageType {
    package static let setChunkSize: UInt8 = 1
    package static let abort: UInt8 = 2
    package static let acknowledgement: UInt8 = 3
    package static let userControl: UInt8 = 4
    package static let windowAcknowledgementSize: UInt8 = 5
    package static let setPeerBandwidth: UInt8 = 6
    package static let audio: UInt8 = 8
    package static let video: UInt8 = 9
    /// Data message in the AMF3 envelope: one format byte, then AMF0.
    package static let dataAMF3: UInt8 = 15
    /// Command message in the AMF3 envelope: one format byte, then AMF0.
    package static let commandAMF3: UInt8 = 17
    package static let dataAMF0: UInt8 = 18
    package static let commandAMF0: UInt8 = 20
    package static let aggregate: UInt8 = 22
}

/// Chunk stream ids that we send on. Fixed per kind, so that the bytes of a frame are the same for every viewer.
package enum ChunkStreamID {
    /// Protocol control, RTMP 1.0 section 5.4: must be 2.
    package static let control: UInt32 = 2
    /// Commands of both directions.
    package static let command: UInt32 = 3
    package static let audio: UInt32 = 4
    package static let data: UInt32 = 5
    package static let video: UInt32 = 6
}
