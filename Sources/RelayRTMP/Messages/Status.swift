package import NIOCore

/// The information object of `onStatus`, of `_error` and of the answer to `connect`. RTMP 1.0 section 7.2.2.
package struct Status: Sendable, Hashable {
    package enum Level: String, Sendable, Hashable {
        case status
        case warning
        case error
    }

    package var level: Level
    package var code: StatusCode
    package var description: String

    package init(_ code: StatusCode, level: Level = .status, description: String) {
        self.level = level
        self.code = code
        self.description = description
    }

    /// Reads an information object; nil without a code. An unknown level counts as `status`.
    package init?(_ value: AMF0Value?) {
        guard let object = value?.objectValue, let code = object["code"]?.stringValue else { return nil }
        self.code = StatusCode(rawValue: code)
        level = object["level"]?.stringValue.flatMap(Level.init(rawValue:)) ?? .status
        description = object["description"]?.stringValue ?? ""
    }

    /// The wire form.
    package var object: AMF0Object {
        ["level": .string(level.rawValue), "code": .string(code.rawValue), "description": .string(description)]
    }

    /// Writes `onStatus` as a whole message. Transaction id 0, as RTMP 1.0 section 7.2.2 demands.
    package func encode(streamID: UInt32, chunkSize: Int, into buffer: inout ByteBuffer) {
        Command("onStatus", arguments: [.object(object)]).encode(
            streamID: streamID, chunkSize: chunkSize, into: &buffer)
    }
}

/// The codes of status objects that we send or understand. Any text can be received.
package struct StatusCode: RawRepresentable, Hashable, Sendable {
    package let rawValue: String
    package init(rawValue: String) { self.rawValue = rawValue }

    package static let connectSuccess = StatusCode(rawValue: "NetConnection.Connect.Success")
    package static let connectRejected = StatusCode(rawValue: "NetConnection.Connect.Rejected")
    package static let connectClosed = StatusCode(rawValue: "NetConnection.Connect.Closed")
    package static let callFailed = StatusCode(rawValue: "NetConnection.Call.Failed")
    /// Enhanced RTMP v2, "Reconnect Request".
    package static let reconnectRequest = StatusCode(rawValue: "NetConnection.Connect.ReconnectRequest")

    package static let publishStart = StatusCode(rawValue: "NetStream.Publish.Start")
    /// The name is taken or not allowed.
    package static let publishBadName = StatusCode(rawValue: "NetStream.Publish.BadName")
    package static let publishDenied = StatusCode(rawValue: "NetStream.Publish.Denied")
    package static let publishFailed = StatusCode(rawValue: "NetStream.Publish.Failed")
    package static let unpublishSuccess = StatusCode(rawValue: "NetStream.Unpublish.Success")

    package static let playReset = StatusCode(rawValue: "NetStream.Play.Reset")
    package static let playStart = StatusCode(rawValue: "NetStream.Play.Start")
    package static let playStop = StatusCode(rawValue: "NetStream.Play.Stop")
    package static let playFailed = StatusCode(rawValue: "NetStream.Play.Failed")
    package static let playStreamNotFound = StatusCode(rawValue: "NetStream.Play.StreamNotFound")
    package static let playPublishNotify = StatusCode(rawValue: "NetStream.Play.PublishNotify")
    package static let playUnpublishNotify = StatusCode(rawValue: "NetStream.Play.UnpublishNotify")
    package static let playComplete = StatusCode(rawValue: "NetStream.Play.Complete")
    package static let pauseNotify = StatusCode(rawValue: "NetStream.Pause.Notify")
    package static let unpauseNotify = StatusCode(rawValue: "NetStream.Unpause.Notify")
    package static let dataStart = StatusCode(rawValue: "NetStream.Data.Start")
}
