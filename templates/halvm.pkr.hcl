# An AMI of a Haskell program on HaLVM.
#
#   halvm-ghc -o web Main.hs
#   packer build -var image=web halvm.pkr.hcl
#   packer build -var image=web -only='*.dev' halvm.pkr.hcl
#
# Network: EC2 assigns addresses by DHCP, and a HaLVM program must request one,
# through the HaNS library. A program with a fixed address can't be reached on EC2.
#
# Instances: only previous-generation types run PV AMIs: T1, M1, M2, M3, C1 and C3, if
# the region offers them. With boot_method = "pv-shim", the AMI runs on HVM types of the
# Xen system instead, such as t2, m4 and c4.

packer {
  required_plugins {
    unikernel = {
      version = ">= 0.1.0"
      source  = "github.com/unikernel-ami/unikernel"
    }
  }
}

variable "image" {
  description = "The ELF program that halvm-ghc linked."
  type        = string
  default     = "web"
}

variable "name" {
  description = "The prefix of the AMIs' names; the environment and a timestamp are appended."
  type        = string
  default     = "web"
}

variable "region" {
  description = "The AMIs' region. It must offer PV-GRUB and PV instances."
  type        = string
  default     = "us-east-1"
}

variable "http_port" {
  description = "The HTTP port to test. An AMI that doesn't respond is removed. 0 disables the test."
  type        = number
  default     = 0
}

source "unikernel-ami" "halvm" {
  image    = var.image
  region   = var.region
  ami_name = "${var.name}-{{ .Environment }}-{{ timestamp }}"
  tags     = { Service = var.name }

  # Up to 16 files can be loaded into memory for the program:
  #
  # module {
  #   path = "data.bin"
  # }
}

# One image, three AMIs: the words of the command line are the program's
# arguments, which System.Environment.getArgs returns.
build {
  source "unikernel-ami.halvm" {
    name        = "dev"
    environment = "dev"
    cmdline     = "--stage=dev --verbose"
  }

  source "unikernel-ami.halvm" {
    name        = "staging"
    environment = "staging"
    cmdline     = "--stage=staging"
  }

  source "unikernel-ami.halvm" {
    name          = "prod"
    environment   = "prod"
    cmdline       = "--stage=prod"
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
