/// Writes the Prometheus text exposition format, version 0.0.4.
struct MetricsWriter {
    private(set) var text = ""

    mutating func family(_ name: String, _ type: String, _ help: String, _ samples: [(labels: String, value: String)]) {
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
        for sample in samples { text += "\(name)\(sample.labels) \(sample.value)\n" }
    }

    mutating func gauge(_ name: String, _ help: String, _ value: some CustomStringConvertible) {
        family(name, "gauge", help, [("", value.description)])
    }

    mutating func counter(_ name: String, _ help: String, _ value: some CustomStringConvertible) {
        family(name, "counter", help, [("", value.description)])
    }

    mutating func process(_ figures: ProcessFigures) {
        counter("process_cpu_seconds_total", "CPU time used.", figures.cpuSeconds)
        gauge("process_resident_memory_bytes", "Resident memory.", figures.residentBytes)
        gauge("process_open_fds", "Descriptors open.", figures.openDescriptors)
        gauge("process_max_fds", "Descriptors allowed.", figures.maximumDescriptors)
    }
}
