### How well commissioning goes: figures for staff.

quality-title = Commissioning quality
quality-lead = How often commissioning succeeds, how long it takes, and why it fails.
quality-by = Grouped by
quality-by-model = Model
quality-by-firmware = Firmware
quality-by-app-version = App version
quality-by-phone = Phone
quality-period = Period
quality-days = { $count ->
    [one] 1 day
   *[other] { $count } days
}
quality-total = All attempts
quality-unknown = Unknown
quality-success = Success rate
quality-first-try = First try
quality-median = Median time
quality-attempts = Attempts
quality-split = { $succeeded } succeeded, { $failed } failed, { $interrupted } interrupted, { $cancelled } stopped
quality-causes = Most frequent causes
quality-how = Stopped attempts count neither way. First try: devices whose first attempt in this period succeeded. The median is that of successful attempts.
quality-none = No attempts in this period
quality-none-text = Choose a longer period, or another site. Attempts appear when the app that made them has synchronized.
