package load

import (
	"syscall"
	"time"
)

// cpuTime is the CPU time that this process has used.
func cpuTime() (time.Duration, error) {
	self, err := syscall.GetCurrentProcess()
	if err != nil {
		return 0, err
	}
	var made, ended, kernel, user syscall.Filetime
	err = syscall.GetProcessTimes(self, &made, &ended, &kernel, &user)
	ticks := func(f syscall.Filetime) time.Duration {
		return time.Duration(int64(f.HighDateTime)<<32+int64(f.LowDateTime)) * 100
	}
	return ticks(kernel) + ticks(user), err
}
