### What devices measured lately.

telemetry-title = Last 24 hours
telemetry-none = No readings yet
telemetry-none-text = As soon as this device reports numbers, their curves stand here.
telemetry-as-of = As of { $time }. The server cannot be asked now; what was measured later is not here.
telemetry-zone = All times are those of your time zone, { $zone }.
telemetry-last = Last
telemetry-lowest = Lowest
telemetry-highest = Highest
telemetry-changes = Changes
telemetry-hour = Hour from
telemetry-table = Hour by hour
telemetry-curve-label = { $name }, the last 24 hours: last { $last }, lowest { $lowest }, highest { $highest }
telemetry-flag-label = { $name }, the last 24 hours: last { $last }, { $changes ->
        [one] { $changes } change
       *[other] { $changes } changes
    }
