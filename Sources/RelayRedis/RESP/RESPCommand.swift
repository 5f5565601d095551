import CHiredis
package import NIOCore

/// A command as it goes over the wire, formatted by hiredis; the memory is hiredis' and freed with the object.
package final class RESPCommand {
    private let bytes: UnsafeMutablePointer<CChar>
    private let count: Int

    /// - Parameter arguments: The command's name and what follows it; any bytes are allowed in them.
    /// - Returns: nil when there is nothing to format or no memory.
    package init?(_ arguments: [String]) {
        guard !arguments.isEmpty, let argumentCount = Int32(exactly: arguments.count) else { return nil }
        // One run of bytes for all, and one more byte, so that an empty last argument has an address, too.
        var flat: [UInt8] = []
        var lengths: [Int] = []
        for argument in arguments {
            flat.append(contentsOf: argument.utf8)
            lengths.append(argument.utf8.count)
        }
        flat.append(0)
        var target: UnsafeMutablePointer<CChar>?
        let written = flat.withUnsafeBytes { memory in
            var starts: [UnsafePointer<CChar>?] = []
            var offset = 0
            for length in lengths {
                starts.append((memory.baseAddress.map { $0 + offset })?.assumingMemoryBound(to: CChar.self))
                offset += length
            }
            return redisFormatCommandArgv(&target, argumentCount, &starts, &lengths)
        }
        guard let target else { return nil }
        guard written > 0 else {
            redisFreeCommand(target)
            return nil
        }
        bytes = target
        count = Int(clamping: written)
    }

    deinit { redisFreeCommand(bytes) }

    /// Appends the command to a buffer.
    package func write(into buffer: inout ByteBuffer) {
        buffer.writeBytes(UnsafeRawBufferPointer(start: bytes, count: count))
    }
}
