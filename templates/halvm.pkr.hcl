# An AMI of a Haskell program on HaLVM.
#
#   halvm-ghc -o web Main.hs
#   packer build -var image=web halvm.pkr.hcl
#   packer build -var image=web -only='*.dev' halvm.pkr.hcl
#
# Network: EC2 gives addresses by DHCP, and with HaLVM it is the program that
# asks for one, by the HaNS library. A program with a fixed address is not
# reached on EC2.
#
# Instances: of the previous generation, as only these run PV: T1, M1, M2, M3,
# C1 and C3, where the region has them.

packer {
  required_plugins {
    unikernel = {
      version = ">= 0.1.0"
      source  = "github.com/unikernel-ami/unikernel"
    }
  }
}

variable "image" {
  description = "The program that halvm-ghc has linked, an ELF."
  type        = string
  default     = "web"
}

variable "name" {
  description = "What the AMIs are called, in front of the environment and the time."
  type        = string
  default     = "web"
}

variable "region" {
  description = "The region to make the AMIs in. PV-GRUB and PV instances must be there."
  type        = string
  default     = "us-east-1"
}

variable "http_port" {
  description = "The port that it serves HTTP on: an AMI whose instance doesn't is not kept. 0: no test."
  type        = number
  default     = 0
}

source "unikernel-ami" "halvm" {
  image    = var.image
  region   = var.region
  ami_name = "${var.name}-{{ .Environment }}-{{ timestamp }}"
  tags     = { Service = var.name }

  # Files that the program reads from memory can go with it, up to 16:
  #
  # module {
  #   path = "data.bin"
  # }
}

# One image, three AMIs: the words of the command line are the program's
# arguments, as by System.Environment.getArgs.
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
    # What only a tested AMI may go through comes here, in the same block.
  }
}
