import NIOCore
import RelayCore
import RelayFLV

/// Turns the bytes of an HTTP or WebSocket answer into events.
struct FLVIntake {
    private var reader = FLVReader()
    private let sink: @Sendable (PlayerEvent) -> Void

    init(sink: @escaping @Sendable (PlayerEvent) -> Void) { self.sink = sink }

    /// Whether an end here is one between two tags.
    var isBetweenTags: Bool { reader.isBetweenTags }

    /// Takes bytes in and tells every tag that is complete with them.
    ///
    /// - Throws: ``ClientError/broken(_:)`` when they are not FLV.
    mutating func receive(_ bytes: ByteBuffer) throws(ClientError) {
        let now = MonotonicTime.now()
        reader.append(bytes)
        do throws(FLVError) {
            while let item = try reader.next() {
                guard case .tag(let kind, let timestamp, let body) = item else { continue }
                sink(.media(ReceivedMedia(kind: kind, timestamp: timestamp, payload: body, receivedAt: now)))
            }
        } catch {
            throw .broken("\(error)")
        }
    }
}
