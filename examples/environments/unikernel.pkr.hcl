# One image, three environments: one "packer build" makes three AMIs with different
# names, command lines and tags.
#
#   packer build -var image=web.xen.gz unikernel.pkr.hcl
#   packer build -var image=web.xen.gz -only='*.dev' unikernel.pkr.hcl

packer {
  required_plugins {
    unikernel = {
      version = ">= 0.1.0"
      source  = "github.com/unikernel-ami/unikernel"
    }
  }
}

variable "image" {
  type = string
}

variable "region" {
  type    = string
  default = "us-east-1"
}

source "unikernel-ami" "web" {
  image    = var.image
  region   = var.region
  ami_name = "web-{{ .Environment }}-{{ timestamp }}"
}

build {
  source "unikernel-ami.web" {
    name        = "dev"
    environment = "dev"
    cmdline     = "loglevel=debug"
    tags        = { Service = "web", Expendable = "yes" }
  }

  source "unikernel-ami.web" {
    name        = "staging"
    environment = "staging"
    cmdline     = "loglevel=info"
    tags        = { Service = "web" }
  }

  source "unikernel-ami.web" {
    name          = "prod"
    environment   = "prod"
    cmdline       = "loglevel=warning"
    tags          = { Service = "web", Owner = "platform" }
    snapshot_tags = { Retain = "yes" }
  }
}
