package main

import (
	"encoding/json"
	"os"
	"testing"
)

func TestVersionIsTheOneAskedFor(t *testing.T) {
	var program struct{ Dependencies map[string]string }
	text, err := os.ReadFile("../../package.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &program); err != nil {
		t.Fatal(err)
	}
	if asked := program.Dependencies["@pulumi/random"]; asked != version {
		t.Errorf("package.json has @pulumi/random %s, but the plugin's version is %s", asked, version)
	}
}

func TestTokensAreTheOfficialOnes(t *testing.T) {
	resources := provider().Resources
	for terraform, want := range map[string]string{
		"random_password": "random:index/randomPassword:RandomPassword",
		"random_string":   "random:index/randomString:RandomString",
		"random_id":       "random:index/randomId:RandomId",
	} {
		if resources[terraform] == nil || string(resources[terraform].Tok) != want {
			t.Errorf("%s is not mapped to %s", terraform, want)
		}
	}
}
