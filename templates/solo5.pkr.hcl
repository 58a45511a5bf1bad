# An AMI of a MirageOS unikernel built with mirage 3.9 or later (Solo5, target xen).
#
#   mirage configure -t xen && make
#   packer build -var image=dist/web.xen solo5.pkr.hcl
#   packer build -var image=dist/web.xen -only='*.dev' solo5.pkr.hcl
#
# Version: images that mirage 3.8 or earlier built for Xen are PV kernels: use the
# template mirage for them.
#
# Network: EC2 assigns addresses by DHCP. Configure the unikernel for it: with
# --dhcp=true or, in versions that use DHCP by default, without --no-dhcp and --ipv4.
#
# Instances: the AMI boots by the method multiboot on HVM types of the Xen system, such
# as t2, m4 and c4. It can't run on Nitro types (t3, m5 and later).

packer {
  required_plugins {
    unikernel = {
      version = ">= 0.1.0"
      source  = "github.com/unikernel-ami/unikernel"
    }
  }
}

variable "image" {
  description = "The image that mirage built, plain or compressed."
  type        = string
  default     = "dist/web.xen"
}

variable "name" {
  description = "The prefix of the AMIs' names; the environment and a timestamp are appended."
  type        = string
  default     = "web"
}

variable "region" {
  description = "The AMIs' region. It must offer HVM instance types of the Xen system."
  type        = string
  default     = "us-east-1"
}

variable "http_port" {
  description = "The HTTP port to test. An AMI that doesn't respond is removed. 0 disables the test."
  type        = number
  default     = 0
}

source "unikernel-ami" "solo5" {
  image       = var.image
  boot_method = "multiboot"
  region      = var.region
  ami_name    = "${var.name}-{{ .Environment }}-{{ timestamp }}"
  tags        = { Service = var.name }
}

# One image, three AMIs: the unikernel's options come from the command line.
build {
  source "unikernel-ami.solo5" {
    name        = "dev"
    environment = "dev"
    cmdline     = "-l *:debug"
  }

  source "unikernel-ami.solo5" {
    name        = "staging"
    environment = "staging"
  }

  source "unikernel-ami.solo5" {
    name          = "prod"
    environment   = "prod"
    snapshot_tags = { Retain = "yes" }
  }

  post-processors {
    post-processor "unikernel-smoke-test" {
      name   = "smoke-test"
      except = var.http_port == 0 ? ["unikernel-ami.dev", "unikernel-ami.staging", "unikernel-ami.prod"] : []
      http {
        port = var.http_port
      }
      report = "smoke-test-${source.name}.html"
    }
    # Add post-processors for tested AMIs here, in the same block, for example:
    # post-processor "unikernel-copy" {
    #   only        = ["unikernel-ami.prod"]
    #   ami_regions = ["eu-west-1", "us-west-2"]
    # }
    # post-processor "unikernel-publish" {
    #   only           = ["unikernel-ami.prod"]
    #   ami_users      = ["111122223333"]
    #   ssm_parameters = ["/unikernel/{{ .Family }}/{{ .Environment }}/ami"]
    # }
  }
}
