import Logging
import RelayCore

/// What every connection of a node needs; one for the node, handed to each channel handler with its loop's fan-out.
final class ConnectionServices: Sendable {
    let configuration: RelayConfiguration
    let gate: ConnectionGate
    let directory: StreamDirectory
    let logger: Logger
    let events: EventCounter
    /// Decides where a publisher's stream goes.
    let publishDesk: any PublishDesk

    init(
        configuration: RelayConfiguration, gate: ConnectionGate, directory: StreamDirectory, logger: Logger,
        events: EventCounter, publishDesk: (any PublishDesk)? = nil
    ) {
        self.configuration = configuration
        self.gate = gate
        self.directory = directory
        self.logger = logger
        self.events = events
        self.publishDesk = publishDesk ?? LocalPublishDesk(directory: directory)
    }
}
