import NIOCore
import RelayCore
import RelayRTMP

/// Input: a message body, read as AMF0, as a command and as data.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    let body = ByteBuffer(bytes: UnsafeBufferPointer(start: start, count: count))
    if let values = try? AMF0.decode(body) {
        let encoded = AMF0.encode(values)
        var limits = AMF0.Limits()
        // Repairing text can make it longer, up to three bytes for one.
        limits.stringBytes *= 3
        limits.keyBytes *= 3
        guard let again = try? AMF0.decode(encoded, limits: limits) else { fatalError("what was written is not read") }
        if AMF0.encode(again) != encoded { fatalError("what was read is not what was written") }
    }
    for type in [RTMPMessageType.commandAMF0, RTMPMessageType.commandAMF3] {
        let message = RTMPMessage(type: type, timestamp: 0, streamID: 1, payload: body)
        guard let command = try? Command(message) else { continue }
        let connect = ConnectCommand(command)
        _ = try? StreamAddress.application(StreamAddress.split(connect.app).path)
        _ = RTMPURL(connect.tcUrl)
        let publish = PublishCommand(command)
        if let name = try? StreamAddress.stream(app: "live", path: StreamAddress.split(publish.name).path),
            (try? StreamName(path: name.description)) != name
        {
            fatalError("an invalid name was let through")
        }
        _ = PlayCommand(command)
        _ = Status(command.argument(0))
    }
    for type in [RTMPMessageType.dataAMF0, RTMPMessageType.dataAMF3] {
        let message = RTMPMessage(type: type, timestamp: 0, streamID: 1, payload: body)
        if let data = DataMessage.body(of: message), data.readableBytes == 0 { fatalError("empty data was relayed") }
    }
    return 0
}
