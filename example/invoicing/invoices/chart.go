package invoices

import (
	"slices"
	"strconv"

	"github.com/go-analyze/charts"

	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/mcpecho/content"
)

// ChartInput says what to draw.
type ChartInput struct {
	Which
	Limit int `json:"limit" validate:"min=1,max=50" default:"20" doc:"How many invoices to draw, the newest."`
}

// chart draws the amounts of the newest invoices, the oldest of them first.
func chart(c *mcpecho.Call, in ChartInput) (content.Image, error) {
	var rows []Invoice
	if err := in.of(c.Narrowed(c.DB())).Order("created_at DESC, id DESC").Limit(in.Limit).Find(&rows).Error; err != nil {
		return content.Image{}, err
	}
	if len(rows) == 0 {
		return content.Image{}, mcpecho.Errorf("there are no invoices to draw")
	}
	slices.Reverse(rows)
	png, err := bars(rows)
	return content.Image{Data: png, MIMEType: "image/png"}, err
}

// bars draws a bar chart as PNG.
func bars(rows []Invoice) ([]byte, error) {
	labels, amounts := make([]string, len(rows)), make([]float64, len(rows))
	for i, row := range rows {
		labels[i], amounts[i] = row.Number, float64(row.AmountCents)/100
	}
	option := charts.NewBarChartOptionWithData([][]float64{amounts})
	option.Title.Text = "Amounts of invoices"
	option.CategoryAxis.Labels = labels
	option.Legend.Show = charts.Ptr(false)
	option.ValueFormatter = func(v float64) string { return strconv.FormatFloat(v, 'f', 2, 64) }

	painter := charts.NewPainter(charts.PainterOptions{OutputFormat: charts.ChartOutputPNG, Width: 800, Height: 450})
	if err := painter.BarChart(option); err != nil {
		return nil, err
	}
	return painter.Bytes()
}
