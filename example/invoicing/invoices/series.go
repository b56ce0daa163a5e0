package invoices

import (
	"strings"
	"unicode/utf8"

	"github.com/golang-jwt/jwt/v5"
	"gorm.io/gorm"

	"github.com/mcpecho/kit/binding"
	"github.com/mcpecho/kit/mcpecho"
)

// A token with the claim series, as "A-", is for the invoices whose numbers begin with it: no other
// exists for its bearer. A token without it is for all.
func seriesOf(p *mcpecho.Principal) string {
	if p == nil {
		return ""
	}
	claims, _ := p.Claims.(jwt.MapClaims)
	series, _ := claims["series"].(string)
	return series
}

// visible narrows the rows of a caller.
func visible(p *mcpecho.Principal, db *gorm.DB) *gorm.DB {
	if series := seriesOf(p); series != "" {
		return db.Where("SUBSTR(number, 1, ?) = ?", utf8.RuneCountInString(series), series)
	}
	return db
}

// checkSeries keeps a caller from making an invoice that it could not see.
func checkSeries(p *mcpecho.Principal, number string) error {
	if series := seriesOf(p); !strings.HasPrefix(number, series) {
		return binding.Errorf("number", "series", "must begin with %q", series)
	}
	return nil
}
