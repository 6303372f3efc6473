package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"vsr/internal/fault"
)

// S3Options says where an S3 store is. Credentials come from where the AWS tools look for them: the environment
// (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY), ~/.aws/credentials, or the role of the machine.
type S3Options struct {
	Endpoint  string            // as in https://s3.example.org; empty is Amazon's
	Region    string            // empty asks the store
	Transport http.RoundTripper // nil is the default
}

// S3 is a Storage in a bucket.
type S3 struct {
	client *minio.Client
	bucket string
}

const amazon = "https://s3.amazonaws.com"

// NewS3 makes the storage of a bucket. It does not talk to the store.
func NewS3(bucket string, o S3Options) (*S3, error) {
	endpoint := o.Endpoint
	if endpoint == "" {
		endpoint = amazon
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fault.New(fault.Usage, "as in https://s3.example.org", "S3 endpoint %q is no address", endpoint)
	}
	client, err := minio.New(u.Host, &minio.Options{Secure: u.Scheme == "https", Region: o.Region, Transport: o.Transport,
		Creds: credentials.NewChainCredentials([]credentials.Provider{&credentials.EnvAWS{}, &credentials.EnvMinio{}, &credentials.FileAWSCredentials{}, &credentials.IAM{}})})
	if err != nil {
		return nil, fault.New(fault.Usage, "", "S3: %w", err)
	}
	return &S3{client, bucket}, nil
}

// fail names the object that an error is of, and gives what is missing or taken the error of a file that is.
func (s *S3) fail(key string, err error) error {
	if err == nil {
		return nil
	}
	switch r := minio.ToErrorResponse(err); {
	case r.Code == minio.NoSuchKey || r.Code == "NotFound":
		err = fs.ErrNotExist
	case r.Code == minio.PreconditionFailed || r.Code == "ConditionalRequestConflict" || r.StatusCode == http.StatusPreconditionFailed:
		err = fs.ErrExist
	}
	return fmt.Errorf("%s%s/%s: %w", s3Scheme, s.bucket, key, err)
}

// Open reads a range of an object.
func (s *S3) Open(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	o := minio.GetObjectOptions{}
	switch {
	case length == 0:
		return io.NopCloser(strings.NewReader("")), nil
	case length > 0:
		if err := o.SetRange(offset, offset+length-1); err != nil {
			return nil, err
		}
	case offset > 0:
		if err := o.SetRange(offset, 0); err != nil {
			return nil, err
		}
	}
	core := minio.Core{Client: s.client} // its GetObject asks once, for the range alone
	r, _, _, err := core.GetObject(ctx, s.bucket, key, o)
	if minio.ToErrorResponse(err).Code == minio.InvalidRange { // behind the end, or in an empty object
		return io.NopCloser(strings.NewReader("")), nil
	}
	return r, s.fail(key, err)
}

// Stat describes an object by its size and ETag.
func (s *S3) Stat(ctx context.Context, key string) (Object, error) {
	info, err := s.client.StatObject(ctx, s.bucket, key, minio.StatObjectOptions{})
	return Object{key, info.Size, info.ETag}, s.fail(key, err)
}

// singlePut is the largest object in bytes that is written by one request; a larger one is sent in parts, and appears at the last.
const singlePut = 64 << 20

// Put writes an object.
func (s *S3) Put(ctx context.Context, key string, body *io.SectionReader, first bool) error {
	o := minio.PutObjectOptions{PartSize: singlePut, NumThreads: 2}
	if first {
		o.SetMatchETagExcept("*")
	}
	_, err := s.client.PutObject(ctx, s.bucket, key, io.NewSectionReader(body, 0, body.Size()), body.Size(), o)
	return s.fail(key, err)
}

// List asks for a thousand keys at a time.
func (s *S3) List(ctx context.Context, prefix string) (list []Object, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for o := range s.client.ListObjects(ctx, s.bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true}) {
		if o.Err != nil {
			return nil, s.fail(prefix, o.Err)
		}
		list = append(list, Object{o.Key, o.Size, strings.Trim(o.ETag, `"`)})
	}
	return list, nil
}

// Remove deletes an object.
func (s *S3) Remove(ctx context.Context, key string) error {
	err := s.fail(key, s.client.RemoveObject(ctx, s.bucket, key, minio.RemoveObjectOptions{}))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
