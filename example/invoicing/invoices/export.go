package invoices

import (
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/mcpecho/kit/mcpecho"
)

// exportStep is how many rows an export writes between two progress reports.
const exportStep = 100

// export writes invoices as CSV, row by row out of one statement, which ends when the client
// leaves.
func export(c *mcpecho.Call, in Which) (string, error) {
	var total int64
	if err := in.of(c.Narrowed(c.DB())).Count(&total).Error; err != nil {
		return "", err
	}
	c.Progress(0, float64(total), "counted")

	rows, err := in.of(c.Narrowed(c.DB())).Order("id").Rows()
	if err != nil {
		return "", err
	}
	defer rows.Close()
	var text strings.Builder
	w := csv.NewWriter(&text)
	_ = w.Write([]string{"id", "number", "amount_cents", "sent", "created_at"}) // errors are kept for w.Error
	for done := 1; rows.Next(); done++ {
		var row Invoice
		if err := c.DB().ScanRows(rows, &row); err != nil {
			return "", err
		}
		_ = w.Write([]string{
			strconv.FormatInt(row.ID, 10), row.Number, strconv.FormatInt(row.AmountCents, 10),
			strconv.FormatBool(row.Sent), row.CreatedAt.Format(time.RFC3339),
		})
		if done%exportStep == 0 {
			w.Flush()
			c.Progress(float64(done), float64(total), "")
		}
		if text.Len() > c.Server().Config().MaxResultBytes {
			return "", tooMany(done)
		}
	}
	if err := rows.Err(); err != nil {
		return "", err
	}
	w.Flush()
	c.Progress(float64(max(total, 1)), float64(total), "written")
	return text.String(), w.Error()
}

// tooMany stops an export that could not be sent anyway.
func tooMany(rows int) error {
	return &mcpecho.ToolError{Type: mcpecho.TypeTooLarge,
		Message: fmt.Sprintf("the export is too large to send after %d rows: choose sent or unsent invoices only, or use invoices_list", rows)}
}
