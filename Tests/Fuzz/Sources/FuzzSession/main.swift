import NIOCore
import RelayCore
import RelayRTMP

private let digest = RTMPDigest(
    hmacSHA256: { _, _ in Array(repeating: 0, count: 32) }, randomBytes: { Array(repeating: 1, count: max(0, $0)) })

/// Input: one byte that says into how long pieces the rest is cut and how decisions go, then what a client sends after a
/// simple handshake.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    let bytes = Array(UnsafeBufferPointer(start: start, count: count))
    guard let first = bytes.first else { return 0 }
    let rest = bytes.dropFirst()
    var session = RTMPServerSession(configuration: .init(), digest: digest, now: .zero)
    var run = Run(acceptsLater: first & 1 == 1, refuses: first & 6 == 6)
    session.receive(ByteBuffer(bytes: [3] + [UInt8](repeating: 0, count: 3072)), now: .zero)
    run.pull(&session)
    let step = Int(first >> 3) * 16 + 1
    for begin in stride(from: rest.startIndex, to: rest.endIndex, by: step) {
        run.now = run.now + .milliseconds(10)
        session.receive(ByteBuffer(bytes: rest[begin..<min(rest.endIndex, begin + step)]), now: run.now)
        run.pull(&session)
        session.timerFired(now: run.now)
        run.pull(&session)
    }
    // However the input goes on or stops, time ends what was not finished.
    run.now = run.now + .seconds(3600)
    session.timerFired(now: run.now)
    run.pull(&session)
    return 0
}

private struct Run {
    let acceptsLater: Bool
    let refuses: Bool
    var now = MonotonicTime.zero
    var waiting: (streamID: UInt32, isPublish: Bool)?
    var publishing: Set<UInt32> = []
    var isClosed = false

    mutating func pull(_ session: inout RTMPServerSession) {
        if let waiting {
            decide(waiting.streamID, waiting.isPublish, &session)
            self.waiting = nil
        }
        while let action = session.nextAction(now: now) {
            if isClosed { fatalError("something follows a close") }
            switch action {
            case .media(_, _, _, let streamID):
                if !publishing.contains(streamID) { fatalError("media of a stream that nobody publishes") }
            case .publish(let request):
                if (try? StreamName(path: request.name.description)) == nil { fatalError("an invalid name") }
                ask(request.messageStreamID, true, &session)
            case .play(let request): ask(request.messageStreamID, false, &session)
            case .unpublish(let streamID):
                if publishing.remove(streamID) == nil { fatalError("the end of what was not published") }
            case .close: isClosed = true
            case .send(let bytes):
                if bytes.readableBytes == 0 { fatalError("nothing is to be sent") }
            case .connect, .stopPlay, .pause, .receive: break
            }
        }
    }

    private mutating func ask(_ streamID: UInt32, _ isPublish: Bool, _ session: inout RTMPServerSession) {
        if acceptsLater {
            waiting = (streamID, isPublish)
        } else {
            decide(streamID, isPublish, &session)
        }
    }

    private mutating func decide(_ streamID: UInt32, _ isPublish: Bool, _ session: inout RTMPServerSession) {
        if session.isClosed { return }
        if refuses {
            session.reject(
                streamID: streamID, code: .streamBusy, status: isPublish ? .publishBadName : .playFailed, now: now)
        } else if isPublish {
            session.acceptPublish(streamID: streamID, now: now)
            publishing.insert(streamID)
        } else {
            session.acceptPlay(streamID: streamID, now: now)
        }
    }
}
