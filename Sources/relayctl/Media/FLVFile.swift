import Glibc
import NIOCore
import RelayClient
import RelayCore
import RelayFLV

/// An FLV file being written: what a play received.
final class FLVRecorder {
    private let descriptor: Int32
    private let path: String
    private var buffer = ByteBuffer()

    /// Creates or replaces the file.
    ///
    /// - Throws: ``Failure/usage(_:)`` when that is not possible.
    init(path: String) throws(Failure) {
        descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        self.path = path
        guard descriptor >= 0 else { throw FLVFile.failure(path) }
        FLVHeader(hasAudio: true, hasVideo: true).encode(into: &buffer)
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Adds one tag.
    ///
    /// - Throws: ``Failure/usage(_:)`` when the disk does not take it.
    func write(_ media: ReceivedMedia) throws(Failure) {
        FLVTagEncoder.write(kind: media.kind, timestamp: media.timestamp, body: media.payload, into: &buffer)
        if buffer.readableBytes >= 1 << 20 { try flush() }
    }

    /// Writes what is left.
    ///
    /// - Throws: ``Failure/usage(_:)`` when the disk does not take it.
    func flush() throws(Failure) {
        while buffer.readableBytes > 0 {
            let count = buffer.withUnsafeReadableBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw FLVFile.failure(path) }
            buffer.moveReaderIndex(forwardBy: count)
        }
        buffer.clear()
    }
}

/// An FLV file being read, tag by tag.
struct FLVFile: ~Copyable {
    private let descriptor: Int32
    private let path: String
    private var reader = FLVReader()
    private var isAtEnd = false

    /// Opens the file.
    ///
    /// - Throws: ``Failure/usage(_:)`` when it cannot be read.
    init(path: String) throws(Failure) {
        self.path = path
        descriptor = path == "-" ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.failure(path) }
    }

    deinit { close(descriptor) }

    /// The next tag; nil at the end.
    ///
    /// - Throws: ``Failure/usage(_:)`` when the file cannot be read or is not FLV.
    mutating func next() throws(Failure) -> (kind: MediaKind, timestamp: UInt32, body: ByteBuffer)? {
        while true {
            do throws(FLVError) {
                while let item = try reader.next() {
                    if case .tag(let kind, let timestamp, let body) = item { return (kind, timestamp, body) }
                }
            } catch {
                throw .usage("\(Escape.forTerminal(path)): \(error)")
            }
            // A file that is cut off ends at its last whole tag.
            guard !isAtEnd else { return nil }
            var buffer = ByteBufferAllocator().buffer(capacity: 1 << 18)
            let count = buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: 1 << 18) { bytes in
                max(0, read(descriptor, bytes.baseAddress, bytes.count))
            }
            isAtEnd = count == 0
            reader.append(buffer)
        }
    }

    /// Goes back to the start; false when the file cannot (a pipe).
    mutating func rewind() -> Bool {
        guard lseek(descriptor, 0, SEEK_SET) == 0 else { return false }
        reader = FLVReader()
        isAtEnd = false
        return true
    }

    static func failure(_ path: String) -> Failure {
        .usage("\(Escape.forTerminal(path)): \(String(cString: strerror(errno)))")
    }
}
