package content_test

import (
	"errors"
	"testing"

	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/mcpecho/content"
	"github.com/mcpecho/kit/mcptest"
)

type ChartInput struct {
	Month string `json:"month"`
}

func draw(in ChartInput) ([]byte, error) {
	if in.Month == "" {
		return nil, errors.New("no month")
	}
	return []byte("a picture of " + in.Month), nil
}

func chart(c *mcpecho.Call, in ChartInput) (content.Image, error) {
	png, err := draw(in)
	return content.Image{Data: png, MIMEType: "image/png"}, err
}

func report(_ *mcpecho.Call, in ChartInput) ([]content.Block, error) {
	png, err := draw(in)
	if err != nil {
		return nil, err
	}
	return []content.Block{
		content.Text{Text: "Amounts by month."},
		content.Image{Data: png, MIMEType: "image/png"},
		content.Link{URI: "invoices://stats", Name: "stats"},
	}, nil
}

// What doc.go shows is shown there as it stands here.
func TestTheToolsOfTheTourAnswer(t *testing.T) {
	srv := mcpecho.New(mcpecho.Config{Name: "charts"})
	srv.Add(mcpecho.Service("chart", chart), mcpecho.Service("report", report))
	client := mcptest.New(t, srv)
	month := map[string]any{"month": "2026-07"}
	if r := client.Do("chart", month); len(r.Content) != 1 || r.Content[0].Type != "image" {
		t.Errorf("chart: %+v", r)
	}
	if r := client.Do("report", month); len(r.Content) != 3 || r.Content[2].Type != "resource_link" {
		t.Errorf("report: %+v", r)
	}
}
