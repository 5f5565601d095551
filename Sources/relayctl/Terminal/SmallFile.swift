import Glibc

/// Files that are read or written as a whole.
enum SmallFile {
    /// - Parameters:
    ///   - path: `-` for standard input.
    ///   - limit: more bytes are refused.
    /// - Throws: ``Failure/usage(_:)`` when it cannot be read.
    static func read(_ path: String, limit: Int) throws(Failure) -> [UInt8] {
        let descriptor = path == "-" ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure(path) }
        defer { close(descriptor) }
        var content: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 1 << 18)
        while true {
            let count = Glibc.read(descriptor, &part, part.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw failure(path) }
            guard count > 0 else { return content }
            content.append(contentsOf: part.prefix(count))
            guard content.count <= limit else {
                throw .usage("\(Escape.forTerminal(path)): longer than \(Units.bytes(limit)).")
            }
        }
    }

    /// Creates or replaces a file; what was there stays until the new one is whole.
    ///
    /// - Throws: ``Failure/usage(_:)`` when it cannot be written.
    static func write(_ text: String, to path: String) throws(Failure) {
        // Into a pipe or a terminal as it is: only a plain file can be replaced.
        var status = stat()
        let isSpecial = stat(path, &status) == 0 && status.st_mode & S_IFMT != S_IFREG
        let target = isSpecial ? path : path + ".\(getpid()).tmp"
        let descriptor = open(target, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw failure(path) }
        var rest = Array(text.utf8)[...]
        var isWritten = true
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                isWritten = false
                break
            }
            rest = rest.dropFirst(count)
        }
        close(descriptor)
        guard isWritten, isSpecial || rename(target, path) == 0 else {
            let reason = failure(path)
            if !isSpecial { unlink(target) }
            throw reason
        }
    }

    private static func failure(_ path: String) -> Failure {
        .usage("\(Escape.forTerminal(path)): \(Escape.forTerminal(String(cString: strerror(errno)))).")
    }
}
