package binding_test

import (
	"database/sql"
	"reflect"
	"testing"
	"time"

	"github.com/mcpecho/kit/binding"
)

type member struct {
	ID                uint
	Email             string
	Password          string
	PasswordHash      []byte `json:"pass_hash"`
	Digest            string `gorm:"type:text;column:pwd_digest"`
	APIKey            *string
	Note              sql.NullString `json:"reset_token"`
	PrivateKeyPEM     string         `json:"private_key"`
	Salts             []string       `json:"salt"`
	PasswordChangedAt time.Time
	HasPassword       bool
	TokenCount        int
	NextPageToken     string
	CommitHash        string
	PrimaryKey        string
	PasswordHint      string
	Hidden            string `json:"-" gorm:"column:password"`
	Marked            string `json:"token" secret:"true"`
	Posts             []post
}

type post struct {
	ID     uint
	Author *member
	Keys   map[string]struct{ Token string } `json:"keys"`
}

func TestCredentialsAreFoundByNameThroughRelations(t *testing.T) {
	own := []string{"Password", "PasswordHash", "Digest", "APIKey", "Note", "PrivateKeyPEM", "Salts"}
	if got, want := binding.Credentials(reflect.TypeFor[member]()), append(own, "Posts.Keys.Token"); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	want := []string{"Keys.Token"}
	for _, name := range own {
		want = append(want, "Author."+name)
	}
	if got := binding.Credentials(reflect.TypeFor[[]*post]()); len(got) != len(want) {
		t.Errorf("got %v, want %v", got, want)
	}
	type plain struct {
		ID   uint
		Hash string
		Name string
	}
	if got := binding.Credentials(reflect.TypeFor[*plain]()); !reflect.DeepEqual(got, []string{"Hash"}) {
		t.Errorf("got %v", got)
	}
	if got := binding.Credentials(reflect.TypeFor[time.Time]()); got != nil {
		t.Errorf("got %v", got)
	}
}
