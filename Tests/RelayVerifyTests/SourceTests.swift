import NIOCore
import RelayCore
import RelayVerify
import Testing

@Suite("Verify: source")
struct SourceTests {
    private static func frames(
        _ count: Int, session: UInt32 = 1, _ change: (inout VerifiableSource.Configuration) -> Void = { _ in }
    ) -> [VerifiableSource.Message] {
        var feed = Feed(Feed.configuration(change))
        feed.begin(session, delivers: false)
        return (0..<count).map { _ in feed.make() }
    }

    @Test("Sequence headers say what the pictures and the sound are")
    func headers() throws {
        var source = VerifiableSource(configuration: Feed.configuration { $0.macroblocks = (40, 22) })
        let messages = source.beginSession(1, now: .zero, wallMs: 0)
        #expect(messages.map(\.kind) == [.data, .video, .audio])
        #expect(messages.allSatisfy { $0.mark == nil })
        let video = try MediaHeader.parse(kind: .video, body: messages[1].body)
        let picture = try CodecConfiguration.parse(header: video, body: messages[1].body)
        #expect((picture.codecString, picture.width, picture.height) == ("avc1.42c01f", 640, 352))
        let audio = try MediaHeader.parse(kind: .audio, body: messages[2].body)
        let sound = try CodecConfiguration.parse(header: audio, body: messages[2].body)
        #expect((sound.codecString, sound.sampleRate, sound.channels) == ("mp4a.40.2", 48_000, 1))
    }

    @Test("Numbers are consecutive in each track, and timestamps and due times follow them")
    func numbers() throws {
        var feed = Feed(Feed.configuration { $0.framesPerSecond = 25 })
        feed.wait(.seconds(100))
        feed.begin(1, delivers: false)
        var next: [MediaKind: UInt64] = [:]
        for _ in 0..<500 {
            let due = feed.source.nextDue
            let message = feed.make()
            let mark = try #require(message.mark)
            #expect(mark.number == next[message.kind, default: 0])
            next[message.kind] = mark.number + 1
            let time = message.kind == .video ? mark.number * 40_000 : mark.number * 64_000 / 3
            #expect(mark.mediaTime == time)
            #expect(message.timestamp == UInt32(time / 1000))
            #expect(due == .zero + .seconds(100) + .microseconds(Int64(time)))
            #expect(mark.sentAt == feed.now && mark.wallMs == feed.wallMs)
        }
        #expect(next[.video] == 174 && next[.audio] == 326)
    }

    @Test("Keyframes come at their interval, and every other frame refers to the last that may be referred to")
    func references() throws {
        let messages = Self.frames(700) {
            $0.keyInterval = 50
            $0.disposableShare = 0.3
            $0.hasAudio = false
        }
        var disposable = 0
        var lastReference: UInt64?
        var wasDisposable = false
        for message in messages {
            let mark = try #require(message.mark)
            let header = try MediaHeader.parse(kind: .video, body: message.body)
            #expect(mark.isKeyframe == (mark.number % 50 == 0))
            #expect(header.isKeyframe == mark.isKeyframe)
            #expect(header.containsIDR(in: message.body) == mark.isKeyframe)
            #expect(header.isDisposable(in: message.body) == mark.isDisposable)
            #expect(mark.references == (mark.isKeyframe ? [] : [lastReference].compactMap { $0 }))
            #expect(!(wasDisposable && mark.isDisposable), "two in a row are not allowed with this order of pictures")
            wasDisposable = mark.isDisposable
            if mark.isDisposable { disposable += 1 } else { lastReference = mark.number }
        }
        #expect(disposable == 14 * 14, "0.3 of the 49 frames behind each of 14 keyframes")
    }

    @Test(
        "The bit rate is what was asked for",
        arguments: [(500_000, true), (1_000_000, true), (1_000_000, false), (8_000_000, true)] as [(UInt32, Bool)])
    func bitrate(bitrate: UInt32, hasAudio: Bool) {
        let messages = Self.frames(hasAudio ? 2304 : 900) {
            $0.bitrate = bitrate
            $0.hasAudio = hasAudio
        }
        let bytes = messages.reduce(0) { $0 + $1.body.readableBytes }
        let seconds = Double(messages.filter { $0.kind == .video }.count) / 30
        let found = Double(bytes) * 8 / seconds
        #expect((0.97...1.03).contains(found / Double(bitrate)), "\(found)")
    }

    @Test("No NAL unit holds what could be taken for a start code, and all of them fill the body")
    func emulation() throws {
        for message in Self.frames(300, { $0.keyInterval = 20_000 }) where message.kind == .video {
            var body = message.body
            body.moveReaderIndex(forwardBy: 5)
            var types: [UInt8] = []
            while let length = body.readInteger(as: UInt32.self) {
                let unit = body.readBytes(length: Int(length)) ?? []
                #expect(unit.count == Int(length))
                types.append((unit.first ?? 0) & 0x1F)
                let hasStartCode = unit.indices.dropLast(2).contains {
                    unit[$0] == 0 && unit[$0 + 1] == 0 && unit[$0 + 2] < 3
                }
                #expect(!hasStartCode)
            }
            #expect(body.readableBytes == 0)
            #expect(types == [6, message.mark?.isKeyframe == true ? 5 : 1])
        }
    }

    @Test("Another session goes on with the numbers, from a keyframe")
    func sessions() throws {
        var feed = Feed()
        feed.begin(1, delivers: false)
        let first = (0..<100).map { _ in feed.make() }
        feed.wait(.seconds(3))
        feed.begin(2, delivers: false)
        let second = (0..<100).map { _ in feed.make() }
        for kind in [MediaKind.video, .audio] {
            let before = try #require(first.last { $0.kind == kind }?.mark)
            let after = try #require(second.first { $0.kind == kind }?.mark)
            #expect(after.number == before.number + 1)
            #expect((before.session, after.session) == (1, 2))
            #expect(after.isKeyframe == (kind == .video))
            #expect(after.sentAt - before.sentAt > .seconds(2))
        }
        let keys = second.compactMap(\.mark).filter(\.isKeyframe).map(\.number)
        #expect(keys.count == 1 && second.filter { $0.kind == .video }.count < 60)
    }

    @Test(
        "Aligned publishers send the same numbers at the same time, and keyframes at the same numbers",
        arguments: [0, 1, 7, 999, 12_345] as [Int64])
    func aligned(later: Int64) throws {
        func run(startingAfter milliseconds: Int64, session: UInt32) -> [UInt64: VerifiableSource.Message] {
            var feed = Feed(
                Feed.configuration {
                    $0.isAligned = true
                    $0.run = 0
                })
            feed.wait(.milliseconds(milliseconds))
            feed.begin(session, delivers: false)
            var made: [UInt64: VerifiableSource.Message] = [:]
            while feed.now < .zero + .seconds(20) {
                let message = feed.make()
                if message.kind == .video, let mark = message.mark { made[mark.number] = message }
            }
            return made
        }
        let primary = run(startingAfter: 0, session: 1)
        let backup = run(startingAfter: later, session: 100)
        let first = try #require(backup.keys.min())
        for (number, message) in backup {
            let other = try #require(primary[number])
            let (mark, otherMark) = (try #require(message.mark), try #require(other.mark))
            #expect(other.timestamp == message.timestamp)
            #expect(mark.source == otherMark.source && mark.session != otherMark.session)
            #expect((mark.sentAt - otherMark.sentAt).magnitude < .milliseconds(34))
            if number != first {
                #expect(mark.isKeyframe == (number % 60 == 0))
                #expect(mark.sentAt == otherMark.sentAt)
            }
        }
        #expect(backup[first]?.mark?.isKeyframe == true, "a decoder can start at once")
    }

    @Test("Settings out of bounds are brought into them")
    func bounds() {
        let messages = Self.frames(50) {
            $0.framesPerSecond = 0
            $0.keyInterval = 0
            $0.bitrate = .max
            $0.disposableShare = .nan
            $0.macroblocks = (.max, 0)
        }
        #expect(messages.filter { $0.kind == .video }.allSatisfy { $0.mark?.isKeyframe == true })
        #expect(Self.frames(50) { $0.bitrate = 0 }.count == 50)
    }
}

extension Duration {
    fileprivate var magnitude: Duration { self < .zero ? .zero - self : self }
}
