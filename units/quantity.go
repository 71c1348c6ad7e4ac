package units

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// CPUMilli is processor time in thousandths of one CPU.
type CPUMilli int64

// Bytes is an amount of memory or disk.
type Bytes int64

// ParseCPU reads an amount of CPU in Kubernetes' spelling: "2", "0.5" or "500m". Nothing is rounded.
func ParseCPU(text string) (CPUMilli, error) {
	n, problem := parseQuantity(text, 3)
	if problem != "" {
		return 0, quantityError(text, problem, "write 500m (thousandths of a CPU) or 2")
	}
	return CPUMilli(n), nil
}

// ParseBytes reads an amount of memory or disk in Kubernetes' spelling: "128Mi" (binary), "1G" (decimal)
// or "1073741824". Nothing is rounded.
func ParseBytes(text string) (Bytes, error) {
	n, problem := parseQuantity(text, 0)
	if problem != "" {
		return 0, quantityError(text, problem, suggestBytes(text))
	}
	return Bytes(n), nil
}

func quantityError(text, problem, advice string) error {
	if problem == badQuantity {
		return fmt.Errorf("%s is %w; %s", quote(text), ErrQuantity, advice)
	}
	return fmt.Errorf("%s is %w that fits: %s", quote(text), ErrQuantity, problem)
}

// suggestBytes guesses what "1gb", "1 GB" or "1GiB" meant.
func suggestBytes(text string) string {
	digits := strings.TrimRight(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ ")
	unit := strings.ToUpper(strings.TrimSpace(text[len(digits):]))
	unit = strings.TrimSuffix(strings.TrimSuffix(unit, "B"), "I")
	if _, problem := parseQuantity(digits, 0); problem != "" || len(unit) != 1 || !strings.Contains("KMGTPE", unit) {
		digits, unit = "1", "G"
	}
	decimal := unit
	if decimal == "K" {
		decimal = "k"
	}
	return fmt.Sprintf("write %s%si (binary) or %s%s (decimal)", digits, unit, digits, decimal)
}

const (
	badQuantity   = "not a quantity"
	quantityLimit = 128 // bytes of text; the longest exact quantity is shorter
)

// decimalSuffixes and binarySuffixes are Kubernetes': powers of ten and of two.
var (
	decimalSuffixes = map[string]int{"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
	binarySuffixes  = map[string]uint{"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
)

// parseQuantity returns text times 10^scale, which must be a whole number of at most 2^63-1.
func parseQuantity(text string, scale int) (n int64, problem string) {
	if len(text) > quantityLimit {
		return 0, "it is too long"
	}
	number := text
	negative := strings.HasPrefix(number, "-")
	if negative || strings.HasPrefix(number, "+") {
		number = number[1:]
	}
	end := strings.IndexFunc(number, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
	if end < 0 {
		end = len(number)
	}
	number, suffix := number[:end], number[end:]
	whole, fraction, _ := strings.Cut(number, ".")
	if whole+fraction == "" || strings.Contains(fraction, ".") {
		return 0, badQuantity
	}
	ten, two, ok := parseSuffix(suffix)
	if !ok {
		return 0, badQuantity
	}
	mantissa := strings.TrimLeft(whole+fraction, "0")
	if negative {
		return 0, "it is negative"
	}
	if mantissa == "" {
		return 0, "" // zero, whatever its suffix
	}
	return scaled(mantissa, ten+scale-len(fraction), two)
}

// parseSuffix returns the powers of ten and two that a suffix stands for.
func parseSuffix(suffix string) (ten int, two uint, ok bool) {
	if ten, ok = decimalSuffixes[suffix]; ok {
		return ten, 0, true
	}
	if two, ok = binarySuffixes[suffix]; ok {
		return 0, two, true
	}
	if len(suffix) < 2 || suffix[0] != 'e' && suffix[0] != 'E' {
		return 0, 0, false
	}
	ten, err := strconv.Atoi(suffix[1:])
	return ten, 0, err == nil && -1000 <= ten && ten <= 1000
}

// scaled returns mantissa * 10^ten * 2^two. All numbers are small: the text's length bounds them.
func scaled(mantissa string, ten int, two uint) (n int64, problem string) {
	value, _ := new(big.Int).SetString(mantissa, 10)
	value.Lsh(value, two)
	power := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(ten, -ten))), nil)
	if ten >= 0 {
		value.Mul(value, power)
	} else {
		rest := new(big.Int)
		value.QuoRem(value, power, rest)
		if rest.Sign() != 0 {
			return 0, "it is finer than the smallest unit (1m of a CPU, 1 byte)"
		}
	}
	if !value.IsInt64() {
		return 0, fmt.Sprintf("it is more than %d", int64(math.MaxInt64))
	}
	return value.Int64(), ""
}

// String returns the shortest usual spelling, such as "2" or "1500m".
func (c CPUMilli) String() string {
	if c%1000 == 0 {
		return strconv.FormatInt(int64(c)/1000, 10)
	}
	return strconv.FormatInt(int64(c), 10) + "m"
}

// String returns the spelling with the largest suffix that divides the amount, binary before decimal.
func (b Bytes) String() string {
	if b == 0 {
		return "0"
	}
	for _, s := range []struct {
		suffix string
		factor Bytes
	}{
		{"Ei", 1 << 60},
		{"Pi", 1 << 50},
		{"Ti", 1 << 40},
		{"Gi", 1 << 30},
		{"Mi", 1 << 20},
		{"Ki", 1 << 10},
		{"E", 1e18},
		{"P", 1e15},
		{"T", 1e12},
		{"G", 1e9},
		{"M", 1e6},
		{"k", 1e3},
	} {
		if b%s.factor == 0 {
			return strconv.FormatInt(int64(b/s.factor), 10) + s.suffix
		}
	}
	return strconv.FormatInt(int64(b), 10)
}

// MarshalText implements encoding.TextMarshaler.
func (c CPUMilli) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// MarshalText implements encoding.TextMarshaler.
func (b Bytes) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (c *CPUMilli) UnmarshalText(text []byte) (err error) {
	*c, err = ParseCPU(string(text))
	return err
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (b *Bytes) UnmarshalText(text []byte) (err error) {
	*b, err = ParseBytes(string(text))
	return err
}
