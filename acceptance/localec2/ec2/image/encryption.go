package image

import (
	"cmp"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/query"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/snapshot"
)

// encryptionActions are the actions on the account's defaults for the encryption
// of snapshots in a region.
func (s *Images) encryptionActions() map[string]query.Action {
	keep := func(*query.Call, *snapshot.Encryption) error { return nil }
	return map[string]query.Action{
		"GetEbsEncryptionByDefault":     {Run: s.encryptionByDefault(keep)},
		"EnableEbsEncryptionByDefault":  {Run: s.encryptionByDefault(enableEncryption)},
		"DisableEbsEncryptionByDefault": {Run: s.encryptionByDefault(disableEncryption)},
		"GetEbsDefaultKmsKeyId":         {Run: s.defaultKey(keep)},
		"ModifyEbsDefaultKmsKeyId":      {Params: []string{"KmsKeyId"}, Run: s.defaultKey(s.setDefaultKey)},
		"ResetEbsDefaultKmsKeyId":       {Run: s.defaultKey(resetDefaultKey)},
	}
}

// encryptionChange changes a region's defaults.
type encryptionChange func(*query.Call, *snapshot.Encryption) error

func enableEncryption(_ *query.Call, e *snapshot.Encryption) error {
	e.ByDefault = true
	return nil
}

func disableEncryption(_ *query.Call, e *snapshot.Encryption) error {
	e.ByDefault = false
	return nil
}

func resetDefaultKey(_ *query.Call, e *snapshot.Encryption) error {
	e.KMSKey = ""
	return nil
}

// setDefaultKey accepts the ARN of a key only. EC2 accepts its id and aliases,
// too.
func (s *Images) setDefaultKey(c *query.Call, e *snapshot.Encryption) error {
	key, err := c.Form.Need("KmsKeyId")
	if err != nil {
		return err
	}
	if why := snapshot.CheckKey(c.Region, s.acct.ID, key); why != "" {
		return api.Bad("InvalidParameterValue", "The KMS key %s %s.", key, why)
	}
	e.KMSKey = key
	return nil
}

type encryptionByDefaultResponse struct {
	query.Response
	ByDefault bool `xml:"ebsEncryptionByDefault"`
}

// encryptionByDefault answers with a region's setting after a change.
func (s *Images) encryptionByDefault(change encryptionChange) func(*query.Call) (any, error) {
	return func(c *query.Call) (any, error) {
		e, err := s.changeEncryption(c, change)
		return &encryptionByDefaultResponse{ByDefault: e.ByDefault}, err
	}
}

type defaultKeyResponse struct {
	query.Response
	KmsKeyID string `xml:"kmsKeyId"`
}

// defaultKey answers with a region's default key after a change. As on EC2,
// Amazon's own key has no ARN here.
func (s *Images) defaultKey(change encryptionChange) func(*query.Call) (any, error) {
	return func(c *query.Call) (any, error) {
		e, err := s.changeEncryption(c, change)
		return &defaultKeyResponse{KmsKeyID: cmp.Or(e.KMSKey, snapshot.ManagedKeyAlias)}, err
	}
}

// encryption returns a region's defaults.
func (s *Images) encryption(region string) snapshot.Encryption {
	r, unlock := s.snapshots.Lock(region)
	defer unlock()
	return r.Encryption
}

func (s *Images) changeEncryption(c *query.Call, change encryptionChange) (snapshot.Encryption, error) {
	r, unlock := s.snapshots.Lock(c.Region)
	defer unlock()
	changed := r.Encryption
	if err := change(c, &changed); err != nil {
		return changed, err
	}
	if err := c.DryRun(); err != nil {
		return changed, err
	}
	r.Encryption = changed
	return changed, nil
}
