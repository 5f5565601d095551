import Dispatch
import Glibc

/// Keys as they are pressed. Whoever took it gives it back, whatever happened in between.
package struct Keyboard: Sendable {
    /// One byte per key of the ASCII kind; ends when standard input does.
    package let keys: AsyncStream<UInt8>
    /// Puts the terminal back into the mode it was in.
    package let giveBack: @Sendable () -> Void

    package init(keys: AsyncStream<UInt8>, giveBack: @escaping @Sendable () -> Void) {
        self.keys = keys
        self.giveBack = giveBack
    }

    /// The process's own keyboard; nil when standard input is no terminal.
    @Sendable static func take() -> Keyboard? {
        var before = termios()
        guard isatty(STDIN_FILENO) == 1, tcgetattr(STDIN_FILENO, &before) == 0 else { return nil }
        var mode = before
        mode.c_lflag &= ~tcflag_t(ICANON | ECHO)
        // Ctrl-C still interrupts; stopping or aborting would leave the terminal in this mode.
        withUnsafeMutableBytes(of: &mode.c_cc) { keys in
            for key in [VQUIT, VSUSP] where keys.indices.contains(Int(key)) {
                keys[Int(key)] = disabledKey
            }
            for (key, value) in [(VMIN, UInt8(1)), (VTIME, 0)] where keys.indices.contains(Int(key)) {
                keys[Int(key)] = value
            }
        }
        guard tcsetattr(STDIN_FILENO, TCSANOW, &mode) == 0 else { return nil }
        let (stream, continuation) = AsyncStream.makeStream(of: UInt8.self, bufferingPolicy: .bufferingNewest(64))
        let input = Input()
        input.source.setEventHandler { @Sendable in
            var bytes = [UInt8](repeating: 0, count: 64)
            let count = read(STDIN_FILENO, &bytes, bytes.count)
            if count < 0, errno == EINTR || errno == EAGAIN { return }
            guard count > 0 else {
                continuation.finish()
                return input.source.cancel()
            }
            for byte in bytes.prefix(count) { continuation.yield(byte) }
        }
        input.source.activate()
        return Keyboard(keys: stream) { [before] in
            input.source.cancel()
            var mode = before
            // What was typed meanwhile is not for the shell.
            tcsetattr(STDIN_FILENO, TCSAFLUSH, &mode)
        }
    }

    /// `_POSIX_VDISABLE` of Linux (bits/posix_opt.h): no key has this function.
    private static let disabledKey: UInt8 = 0

    /// Standard input being watched. A dispatch source may be used from any thread; it only is not declared so.
    private final class Input: @unchecked Sendable {
        let source = DispatchSource.makeReadSource(fileDescriptor: STDIN_FILENO)
    }
}
