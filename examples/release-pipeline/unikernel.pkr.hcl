# A release pipeline: one image, an AMI for each environment, tested before anything
# else happens to it. Production is copied to more regions and published.
#
#   packer build -var-file=environments/dev.pkrvars.hcl -var version=1.0.0 .
#   packer build -var-file=environments/prod.pkrvars.hcl -var version=1.0.0 .
#
# "make" in this directory runs it for all environments on the local EC2.

packer {
  required_plugins {
    unikernel = {
      version = ">= 0.1.0"
      source  = "github.com/unikernel-ami/unikernel"
    }
  }
}

variable "image" {
  description = "The unikernel's image. All environments get the same one."
  type        = string
}

variable "ramdisk" {
  description = "The unikernel's ramdisk, if any."
  type        = string
  default     = ""
}

variable "cmdline" {
  description = "The unikernel's command line; the environment is appended."
  type        = string
  default     = ""
}

variable "name" {
  description = "The name of the product: AMIs are named NAME-ENVIRONMENT-VERSION."
  type        = string
  default     = "web"
}

variable "version" {
  description = "The version of the release."
  type        = string
}

variable "environment" {
  type = string
}

variable "region" {
  description = "The region where the AMI is made and tested."
  type        = string
  default     = "us-east-1"
}

variable "copy_regions" {
  description = "More regions for the release."
  type        = list(string)
  default     = []
}

variable "ami_users" {
  description = "The accounts that may launch the release. Without any, it isn't published."
  type        = list(string)
  default     = []
}

variable "output" {
  description = "The directory for reports and manifests."
  type        = string
  default     = "."
}

locals {
  source = "unikernel-ami.release"
}

source "unikernel-ami" "release" {
  image       = var.image
  ramdisk     = var.ramdisk
  cmdline     = trimspace("${var.cmdline} environment=${var.environment}")
  region      = var.region
  environment = var.environment
  ami_name    = "${var.name}-${var.environment}-${var.version}"
  reuse       = true
}

build {
  sources = ["source.unikernel-ami.release"]

  # One sequence: nothing is copied before the test has passed, and nothing is
  # published before all copies are available.
  post-processors {
    post-processor "unikernel-smoke-test" {
      http {
        port          = 80
        body_contains = "environment=${var.environment}"
      }
      timeout = "5m"
      report  = "${var.output}/smoke-test-${var.environment}.html"
      result  = "${var.output}/smoke-test-${var.environment}.json"
    }

    post-processor "unikernel-copy" {
      except      = length(var.copy_regions) == 0 ? [local.source] : []
      ami_regions = var.copy_regions
    }

    post-processor "unikernel-publish" {
      except              = length(var.ami_users) == 0 ? [local.source] : []
      ami_users           = var.ami_users
      ssm_parameters      = ["/unikernel/${var.name}/{{ .Environment }}/ami"]
      ssm_allow_overwrite = true
      deprecate_previous  = true
      release_version     = var.version
      manifest            = "${var.output}/release-${var.environment}.json"
    }
  }
}
